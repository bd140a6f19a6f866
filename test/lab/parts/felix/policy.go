package main

import (
	"fmt"
	"maps"
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

// allowance is what one rule lets through, in iptables' words; addresses of a range may be left out of it.
type allowance struct {
	match  string
	except []string
}

// allowed lists what the policy lets through in one direction.
func (rendering Rendering) allowed(policy NetworkPolicy, way Way) []allowance {
	found := []allowance{}
	for _, rule := range policy.rules(way) {
		protocols := byProtocol(rule.Ports)
		if len(protocols) == 0 {
			protocols = map[string][]PolicyPort{"": nil}
		}
		for _, protocol := range slices.Sorted(maps.Keys(protocols)) {
			head := ""
			if protocol != "" {
				head = "-p " + protocol
			}
			for _, ports := range rendering.portMatches(protocol, protocols[protocol]) {
				if len(rule.Peers) == 0 {
					found = append(found, allowance{words(head, ports), nil})
				}
				for _, peer := range rule.Peers {
					if far, except, any := rendering.farMatch(peer, policy, way); any {
						found = append(found, allowance{words(head, far, ports), except})
					}
				}
			}
		}
	}
	return found
}

// ruleOf marks what is allowed. iptables takes one range for each end of a packet: those left out have rules of their own before it.
func (way Way) ruleOf(allowed allowance) []Rule {
	if len(allowed.except) == 0 {
		return []Rule{setMark(markAccept).when(allowed.match)}
	}
	rules := []Rule{setMark("0x80000/0x180000")}
	for _, except := range allowed.except {
		rules = append(rules, clearMark("0x80000").when(way.FarAddress+except))
	}
	return append(rules, setMark(markAccept).when(words(allowed.match, marked("0x80000/0x80000"))))
}

// policyChain is the policy in one direction: what it allows is marked, what it does not is left to the end of the tier.
func (rendering Rendering) policyChain(policy NetworkPolicy, way Way) Chain {
	rules := []Rule{}
	for _, allowed := range rendering.allowed(policy, way) {
		rules = append(append(rules, way.ruleOf(allowed)...), leave.when(marked(markAccept)))
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
