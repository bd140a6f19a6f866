// Command calico-node is a stand-in for Calico's agent: it lays out Felix 3.32's chains and sets for the pods, namespaces and
// NetworkPolicies of a cluster, and Calico's routes and tunnel between the nodes. See README.md for how true it is.
package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"strconv"
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
		return felix(os.Getenv("NODENAME"), networksOf(os.Getenv("CALICO_IPV4POOL_CIDR"), os.Getenv("CALICO_IPV6POOL_CIDR")))
	case len(args) == 3 && args[0] == "-render":
		return printRules(args[1], networksOf(args[2]))
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

func felix(node string, networks []Network) error {
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
	kernels := map[string]*Kernel{}
	for _, network := range networks {
		kernels[network.Word] = &Kernel{network.Family, map[string]map[string][]string{}, Sets{}}
	}
	for {
		if cluster, whole := state.read(); whole {
			if err := program(kernels, cluster, node, networks); err != nil {
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

func program(kernels map[string]*Kernel, cluster Cluster, node string, networks []Network) error {
	own := cluster.Nodes[node]
	for _, network := range networks {
		if network.of(own.Spec.PodCIDRs) == "" {
			return nil
		}
	}
	for _, network := range networks {
		if err := kernels[network.Word].sync(render(cluster, node, network)); err != nil {
			return err
		}
		if err := network.connect(cluster, own); err != nil {
			return err
		}
	}
	return tellPlugin(own, networks)
}

// connect lays out the family's tunnel and the routes to other nodes' pods.
func (family Family) connect(cluster Cluster, own Node) error {
	if exec.Command("ip", "link", "show", family.Tunnel).Run() != nil {
		if _, err := run(strings.Join(family.tunnelCommands(own), "\n")+"\n", "ip", "-batch", "-"); err != nil {
			return err
		}
	}
	routes, forwarding := family.networkCommands(cluster, own.Name)
	if _, err := run(strings.Join(routes, "\n")+"\n", "ip", "-batch", "-"); err != nil {
		return err
	}
	_, err := run(strings.Join(forwarding, "\n")+"\n", "bridge", "-batch", "-")
	return err
}

// tellPlugin leaves on the node what the CNI plugin needs to know of it; the ranges last, as they are waited for.
func tellPlugin(node Node, networks []Network) error {
	mtu, ranges := networks[0].TunnelMTU, []string{}
	for _, network := range networks {
		mtu = min(mtu, network.TunnelMTU)
		ranges = append(ranges, network.of(node.Spec.PodCIDRs))
	}
	for _, file := range [][2]string{{"nodename", node.Name}, {"mtu", strconv.Itoa(mtu)}, {"podcidr", strings.Join(ranges, "\n")}} {
		if err := os.WriteFile("/var/lib/calico/"+file[0], []byte(file[1]), 0o644); err != nil {
			return err
		}
	}
	return nil
}
