package main

import "strings"

// Family is one of the two kinds of addresses, with the words that the kernel's programs and Felix have for it.
type Family struct {
	Word, Iptables, Ipset string
	// SetPrefix begins the names of sets.
	SetPrefix string
	Loopback  []string
	// Tunnel is the device, TunnelSeed what its address in Ethernet is made of behind the node's name.
	Tunnel, TunnelSeed string
	TunnelMTU          int
	// Alone is the length of a prefix that holds one address.
	Alone string
}

var families = []Family{
	{"IPv4", "iptables", "inet", "cali40", []string{"127.0.0.0", "127.0.0.1"}, "vxlan.calico", "", 1450, "/32"},
	{"IPv6", "ip6tables", "inet6", "cali60", []string{"::1"}, "vxlan-v6.calico", "-v6", 1430, "/128"},
}

// owns tells whether an address or a range is of this family.
func (family Family) owns(address string) bool {
	return strings.Contains(address, ":") == (family.Word == "IPv6")
}

// of picks the family's first among addresses or ranges of both.
func (family Family) of(addresses []string) string {
	for _, address := range addresses {
		if family.owns(address) {
			return address
		}
	}
	return ""
}

// Network is a family that the cluster has, with the range that all its pods' addresses are from.
type Network struct {
	Family
	Pool string
}

// networksOf are the families of the ranges that are given.
func networksOf(pools ...string) []Network {
	found := []Network{}
	for _, family := range families {
		if pool := family.of(pools); pool != "" {
			found = append(found, Network{family, pool})
		}
	}
	return found
}
