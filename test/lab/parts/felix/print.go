package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// printRules shows a node's rules for objects on standard input: a line `TABLE HASH RULE` each, in the order of their chains.
func printRules(node string, networks []Network) error {
	var read struct{ Items []json.RawMessage }
	if err := json.NewDecoder(os.Stdin).Decode(&read); err != nil {
		return err
	}
	cluster := Cluster{map[string]Pod{}, map[string]Namespace{}, map[string]Node{}, map[string]NetworkPolicy{}}
	for _, item := range read.Items {
		if err := cluster.add(item); err != nil {
			return err
		}
	}
	for _, network := range networks {
		for _, table := range render(cluster, node, network).Tables {
			table.print()
		}
	}
	return nil
}

func (table Table) print() {
	for _, chains := range [][]Chain{table.Inserted, table.Chains, table.Appended} {
		for _, chain := range chains {
			for _, line := range chain.lines() {
				fmt.Println(table.Name, line)
			}
		}
	}
}

func (cluster *Cluster) add(item json.RawMessage) error {
	var kind struct{ Kind string }
	if err := json.Unmarshal(item, &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "Pod":
		return put(cluster.Pods, item)
	case "Namespace":
		return put(cluster.Namespaces, item)
	case "Node":
		return put(cluster.Nodes, item)
	case "NetworkPolicy":
		return put(cluster.Policies, item)
	}
	return nil
}

func put[Object meta](objects map[string]Object, item json.RawMessage) error {
	var object Object
	if err := json.Unmarshal(item, &object); err != nil {
		return err
	}
	objects[strings.TrimPrefix(object.key(), "/")] = object
	return nil
}
