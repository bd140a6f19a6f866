package main

import (
	"crypto/sha1"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tunnelAddress is the first of the node's own addresses for pods.
func (family Family) tunnelAddress(node Node) string {
	address, _, _ := strings.Cut(family.of(node.Spec.PodCIDRs), "/")
	return address
}

// tunnelMAC is made of the node's name, so that every node knows every other's.
func (family Family) tunnelMAC(node string) string {
	sum := sha1.Sum([]byte(node + family.TunnelSeed))
	return fmt.Sprintf("66:%02x:%02x:%02x:%02x:%02x", sum[0], sum[1], sum[2], sum[3], sum[4])
}

// networkCommands bring the routes to the other nodes' pods up to date, in words of `ip -batch` and `bridge -batch`.
func (family Family) networkCommands(cluster Cluster, node string) (routes, forwarding []string) {
	routes = []string{"route replace blackhole " + family.of(cluster.Nodes[node].Spec.PodCIDRs) + " proto 80"}
	for _, name := range slices.Sorted(maps.Keys(cluster.Nodes)) {
		other := cluster.Nodes[name]
		pods := family.of(other.Spec.PodCIDRs)
		if name == node || pods == "" {
			continue
		}
		address, mac := family.tunnelAddress(other), family.tunnelMAC(name)
		routes = append(routes,
			fmt.Sprintf("neigh replace %s lladdr %s dev %s nud permanent", address, mac, family.Tunnel),
			fmt.Sprintf("route replace %s via %s dev %s onlink mtu %d", pods, address, family.Tunnel, family.TunnelMTU))
		forwarding = append(forwarding, fmt.Sprintf("fdb replace %s dev %s dst %s self permanent", mac, family.Tunnel, family.of(other.addresses())))
	}
	return routes, forwarding
}

func (family Family) tunnelCommands(node Node) []string {
	return []string{
		fmt.Sprintf("link add %s address %s type vxlan id 4096 local %s dev eth0 dstport 4789 nolearning udpcsum",
			family.Tunnel, family.tunnelMAC(node.Name), family.of(node.addresses())),
		fmt.Sprintf("link set %s mtu %d up", family.Tunnel, family.TunnelMTU),
		fmt.Sprintf("address add %s%s dev %s", family.tunnelAddress(node), family.Alone, family.Tunnel),
	}
}
