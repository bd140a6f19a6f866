package main

import (
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"
)

const tunnel = "vxlan.calico"

// tunnelAddress is the first of the node's own addresses for pods.
func tunnelAddress(node Node) string {
	address, _, _ := strings.Cut(node.Spec.PodCIDR, "/")
	return address
}

// tunnelMAC is made of the node's name, so that every node knows every other's.
func tunnelMAC(node string) string {
	sum := sha1.Sum([]byte(node))
	return fmt.Sprintf("66:%02x:%02x:%02x:%02x:%02x", sum[0], sum[1], sum[2], sum[3], sum[4])
}

// networkCommands bring the routes to the other nodes' pods up to date, in words of `ip -batch` and `bridge -batch`.
func networkCommands(cluster Cluster, node string) (routes, forwarding []string) {
	names := []string{}
	for name := range cluster.Nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	routes = []string{"route replace blackhole " + cluster.Nodes[node].Spec.PodCIDR + " proto 80"}
	for _, name := range names {
		other := cluster.Nodes[name]
		if name == node || other.Spec.PodCIDR == "" {
			continue
		}
		routes = append(routes,
			fmt.Sprintf("neigh replace %s lladdr %s dev %s nud permanent", tunnelAddress(other), tunnelMAC(name), tunnel),
			fmt.Sprintf("route replace %s via %s dev %s onlink mtu 1450", other.Spec.PodCIDR, tunnelAddress(other), tunnel))
		forwarding = append(forwarding, fmt.Sprintf("fdb replace %s dev %s dst %s self permanent", tunnelMAC(name), tunnel, other.address()))
	}
	return routes, forwarding
}

func tunnelCommands(node Node) []string {
	return []string{
		fmt.Sprintf("link add %s address %s type vxlan id 4096 local %s dev eth0 dstport 4789 nolearning udpcsum", tunnel, tunnelMAC(node.Name), node.address()),
		fmt.Sprintf("link set %s mtu 1450 up", tunnel),
		fmt.Sprintf("address add %s/32 dev %s", tunnelAddress(node), tunnel),
	}
}
