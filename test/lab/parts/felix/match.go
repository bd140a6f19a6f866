package main

import (
	"fmt"
	"slices"
	"strings"
)

// farMatch is a peer in iptables' words, with the ranges that are left out of it; a range of the other family is none.
func (rendering Rendering) farMatch(peer Peer, policy NetworkPolicy, way Way) (match string, except []string, any bool) {
	if block := peer.IPBlock; block != nil {
		return way.FarAddress + block.CIDR, block.Except, rendering.owns(block.CIDR)
	}
	name := rendering.SetPrefix + setID("s", peer.selectorText(policy.Namespace))
	members := []string{}
	for _, pod := range peer.pods(rendering.Cluster, policy.Namespace) {
		if address := rendering.of(pod.addresses()); address != "" {
			members = append(members, address)
		}
	}
	slices.Sort(members)
	rendering.sets[name] = Set{"hash:net", members}
	return "-m set --match-set " + name + " " + way.FarSet, nil, true
}

// namedPortSet holds every pod's address with the number that it has for a name.
func (rendering Rendering) namedPortSet(protocol, name string) string {
	id := rendering.SetPrefix + setID("n", protocol+","+name)
	members := []string{}
	for _, pod := range rendering.Pods {
		address := rendering.of(pod.addresses())
		if !pod.isEndpoint() || address == "" {
			continue
		}
		for _, container := range pod.Spec.Containers {
			for _, port := range container.Ports {
				if port.Name == name && (strings.EqualFold(port.Protocol, protocol) || (port.Protocol == "" && protocol == "tcp")) {
					members = append(members, fmt.Sprintf("%s,%s:%d", address, protocol, port.ContainerPort))
				}
			}
		}
	}
	slices.Sort(members)
	rendering.sets[id] = Set{"hash:ip,port", members}
	return id
}

// multiportSlots is what one rule of xt_multiport takes.
const multiportSlots = 15

func (rendering Rendering) portMatches(protocol string, ports []PolicyPort) []string {
	numbers, names := portsOf(ports)
	if len(numbers)+len(names) == 0 {
		return []string{""}
	}
	matches := []string{}
	for chunk := range slices.Chunk(numbers, multiportSlots) {
		matches = append(matches, "-m multiport --destination-ports "+strings.Join(chunk, ","))
	}
	for _, name := range names {
		matches = append(matches, "-m set --match-set "+rendering.namedPortSet(protocol, name)+" dst,dst")
	}
	return matches
}

func words(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}
