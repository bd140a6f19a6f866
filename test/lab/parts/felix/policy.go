package main

import (
	"fmt"
	"log"
	"slices"
	"strconv"
	"strings"
)

// Set is an ipset by its name in the kernel.
type Set struct {
	Type    string
	Members []string
}

type Sets map[string]Set

// Way is one direction of traffic as seen by a pod, with the words that Felix has for it.
type Way struct {
	PolicyType, Word, PolicyPrefix, ProfilePrefix, WorkloadPrefix, DispatchPrefix, Interface string
	// Far and Near are the ends of a packet as iptables matches address sets and addresses.
	FarSet, FarAddress string
}

var ways = []Way{
	{"Ingress", "ingress", "cali-pi-", "cali-pri-", "cali-tw-", "cali-to-wl-dispatch", "--out-interface ", "src", "--source "},
	{"Egress", "egress", "cali-po-", "cali-pro-", "cali-fw-", "cali-from-wl-dispatch", "--in-interface ", "dst", "--destination "},
}

// farAndPorts is one rule of a policy, whichever its direction.
type farAndPorts struct {
	Peers []Peer
	Ports []PolicyPort
}

func (policy NetworkPolicy) rules(way Way) []farAndPorts {
	rules := []farAndPorts{}
	if way.PolicyType == "Ingress" {
		for _, rule := range policy.Spec.Ingress {
			rules = append(rules, farAndPorts{rule.From, rule.Ports})
		}
		return rules
	}
	for _, rule := range policy.Spec.Egress {
		rules = append(rules, farAndPorts{rule.To, rule.Ports})
	}
	return rules
}

func (policy NetworkPolicy) chainName(way Way) string {
	return chainName(way.PolicyPrefix, "knp/"+policy.Namespace+"/"+policy.Name)
}

// portsOf are the ports of one protocol: multiport's words, and names of ports. Neither means any port.
func portsOf(ports []PolicyPort) (numbers, names []string) {
	for _, port := range ports {
		switch _, err := strconv.Atoi(string(port.Port)); {
		case port.Port == "":
			return nil, nil
		case err != nil:
			names = append(names, string(port.Port))
		case port.EndPort != 0:
			numbers = append(numbers, fmt.Sprintf("%s:%d", port.Port, port.EndPort))
		default:
			numbers = append(numbers, string(port.Port))
		}
	}
	return numbers, names
}

func byProtocol(ports []PolicyPort) map[string][]PolicyPort {
	found := map[string][]PolicyPort{}
	for _, port := range ports {
		protocol := strings.ToLower(port.Protocol)
		if protocol == "" {
			protocol = "tcp"
		}
		found[protocol] = append(found[protocol], port)
	}
	return found
}

// farMatch is a peer in iptables' words, before and behind the match of ports.
func farMatch(peer Peer, policy NetworkPolicy, way Way, cluster Cluster, sets Sets) (before, behind string, err error) {
	if block := peer.IPBlock; block != nil {
		if strings.Contains(block.CIDR, ":") {
			return "", "", fmt.Errorf("%s is of another address family", block.CIDR)
		}
		if len(block.Except) > 1 {
			return "", "", fmt.Errorf("more than one exception to %s is not supported", block.CIDR)
		}
		for _, except := range block.Except {
			behind = "! " + way.FarAddress + except
		}
		return way.FarAddress + block.CIDR, behind, nil
	}
	name := "cali40" + setID("s", peer.selectorText(policy.Namespace))
	members := []string{}
	for _, pod := range peer.pods(cluster, policy.Namespace) {
		members = append(members, pod.Status.PodIP)
	}
	sets[name] = Set{"hash:net", members}
	return "-m set --match-set " + name + " " + way.FarSet, "", nil
}

// namedPortSet holds every pod's address with the number that it has for a name.
func namedPortSet(protocol, name string, cluster Cluster, sets Sets) string {
	id := "cali40" + setID("n", protocol+","+name)
	members := []string{}
	for _, pod := range cluster.Pods {
		for _, container := range pod.Spec.Containers {
			for _, port := range container.Ports {
				if pod.isEndpoint() && port.Name == name && (strings.EqualFold(port.Protocol, protocol) || (port.Protocol == "" && protocol == "tcp")) {
					members = append(members, fmt.Sprintf("%s,%s:%d", pod.Status.PodIP, protocol, port.ContainerPort))
				}
			}
		}
	}
	slices.Sort(members)
	sets[id] = Set{"hash:ip,port", members}
	return id
}

// multiportSlots is what one rule of xt_multiport takes.
const multiportSlots = 15

func portMatches(protocol string, ports []PolicyPort, cluster Cluster, sets Sets) []string {
	numbers, names := portsOf(ports)
	if len(numbers)+len(names) == 0 {
		return []string{""}
	}
	matches := []string{}
	for chunk := range slices.Chunk(numbers, multiportSlots) {
		matches = append(matches, "-m multiport --destination-ports "+strings.Join(chunk, ","))
	}
	for _, name := range names {
		matches = append(matches, "-m set --match-set "+namedPortSet(protocol, name, cluster, sets)+" dst,dst")
	}
	return matches
}

func words(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}

// allowed lists what the policy lets through in one direction, a match of iptables each.
func (policy NetworkPolicy) allowed(way Way, cluster Cluster, sets Sets) []string {
	matches := []string{}
	for _, rule := range policy.rules(way) {
		protocols := byProtocol(rule.Ports)
		if len(protocols) == 0 {
			protocols = map[string][]PolicyPort{"": nil}
		}
		names := []string{}
		for name := range protocols {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, protocol := range names {
			head := ""
			if protocol != "" {
				head = "-p " + protocol
			}
			for _, ports := range portMatches(protocol, protocols[protocol], cluster, sets) {
				if len(rule.Peers) == 0 {
					matches = append(matches, words(head, ports))
				}
				for _, peer := range rule.Peers {
					before, behind, err := farMatch(peer, policy, way, cluster, sets)
					if err != nil {
						log.Printf("rule of %s/%s left out: %v", policy.Namespace, policy.Name, err)
						continue
					}
					matches = append(matches, words(head, before, ports, behind))
				}
			}
		}
	}
	return matches
}

// chain is the policy in one direction: what it allows is marked, what it does not is left to the end of the tier.
func (policy NetworkPolicy) chain(way Way, cluster Cluster, sets Sets) Chain {
	rules := []Rule{}
	for _, match := range policy.allowed(way, cluster, sets) {
		rules = append(rules, setMark(markAccept).when(match), leave.when(marked(markAccept)))
	}
	// a return at the end changes nothing
	if len(rules) > 0 {
		rules = rules[:len(rules)-1]
	} else {
		rules = append(rules, Rule{})
	}
	rules[0] = rules[0].saying("KubernetesNetworkPolicy " + policy.Namespace + "/" + policy.Name + " " + way.Word)
	return Chain{policy.chainName(way), rules}
}
