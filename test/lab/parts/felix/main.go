// Command calico-node is a stand-in for Calico's agent: it lays out Felix 3.32's chains and sets for the pods, namespaces and
// NetworkPolicies of a cluster, and Calico's routes and tunnel between the nodes. See README.md for how true it is.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "calico-node:", err)
		os.Exit(1)
	}
}

func start(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "-felix":
		return felix(os.Getenv("NODENAME"), os.Getenv("CALICO_IPV4POOL_CIDR"))
	case len(args) == 3 && args[0] == "-render":
		return printRules(args[1], args[2])
	}
	return errors.New("usage: calico-node -felix | -render NODE POOL <objects.json")
}

// State is what was read so far; a change wakes whoever waits for one.
type State struct {
	mutex   sync.Mutex
	cluster Cluster
	changed chan struct{}
}

func update[Object any](state *State, at func(*Cluster) *map[string]Object) func(map[string]Object) {
	return func(objects map[string]Object) {
		state.mutex.Lock()
		*at(&state.cluster) = maps.Clone(objects)
		state.mutex.Unlock()
		select {
		case state.changed <- struct{}{}:
		default:
		}
	}
}

func (state *State) read() (Cluster, bool) {
	state.mutex.Lock()
	defer state.mutex.Unlock()
	cluster := state.cluster
	return cluster, cluster.Pods != nil && cluster.Namespaces != nil && cluster.Nodes != nil && cluster.Policies != nil
}

// named drops the slash that names without a namespace begin with.
func named[Object meta](objects map[string]Object) map[string]Object {
	bare := map[string]Object{}
	for key, object := range objects {
		bare[strings.TrimPrefix(key, "/")] = object
	}
	return bare
}

// settle lets changes that come together be written together.
const settle = 20 * time.Millisecond

// recheck is how often other programs' changes are looked for.
const recheck = 10 * time.Second

func felix(node, pool string) error {
	api, err := inCluster()
	if err != nil {
		return err
	}
	state := &State{changed: make(chan struct{}, 1)}
	namespaces := update(state, func(cluster *Cluster) *map[string]Namespace { return &cluster.Namespaces })
	nodes := update(state, func(cluster *Cluster) *map[string]Node { return &cluster.Nodes })
	go follow(api, "/api/v1/pods", update(state, func(cluster *Cluster) *map[string]Pod { return &cluster.Pods }))
	go follow(api, "/api/v1/namespaces", func(read map[string]Namespace) { namespaces(named(read)) })
	go follow(api, "/api/v1/nodes", func(read map[string]Node) { nodes(named(read)) })
	go follow(api, "/apis/networking.k8s.io/v1/networkpolicies",
		update(state, func(cluster *Cluster) *map[string]NetworkPolicy { return &cluster.Policies }))
	go http.ListenAndServe("localhost:9099", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	kernel := &Kernel{chains: map[string]map[string][]string{}, sets: Sets{}}
	for {
		if cluster, whole := state.read(); whole {
			if err := program(kernel, cluster, node, pool); err != nil {
				return err
			}
		}
		select {
		case <-state.changed:
		case <-time.After(recheck):
		}
		time.Sleep(settle)
	}
}

func program(kernel *Kernel, cluster Cluster, node, pool string) error {
	own, found := cluster.Nodes[node]
	if !found || own.Spec.PodCIDR == "" {
		return nil
	}
	if err := kernel.sync(render(cluster, node, pool)); err != nil {
		return err
	}
	if exec.Command("ip", "link", "show", tunnel).Run() != nil {
		if _, err := run(strings.Join(tunnelCommands(own), "\n")+"\n", "ip", "-batch", "-"); err != nil {
			return err
		}
	}
	routes, forwarding := networkCommands(cluster, node)
	if _, err := run(strings.Join(routes, "\n")+"\n", "ip", "-batch", "-"); err != nil {
		return err
	}
	if _, err := run(strings.Join(forwarding, "\n")+"\n", "bridge", "-batch", "-"); err != nil {
		return err
	}
	return tellPlugin(own)
}

// tellPlugin leaves on the node what the CNI plugin needs to know of it.
func tellPlugin(node Node) error {
	for file, text := range map[string]string{"nodename": node.Name, "podcidr": node.Spec.PodCIDR} {
		if err := os.WriteFile("/var/lib/calico/"+file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// printRules shows a node's rules for objects on standard input: a line `TABLE HASH RULE` each, in the order of their chains.
func printRules(node, pool string) error {
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
	for _, table := range render(cluster, node, pool).Tables {
		for _, chains := range [][]Chain{table.Inserted, table.Chains, table.Appended} {
			for _, chain := range chains {
				for _, line := range chain.lines() {
					fmt.Println(table.Name, line)
				}
			}
		}
	}
	return nil
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
