package main

import (
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strings"
)

const (
	interfacePrefix = "cali"
	tier            = "default"
)

// interfaceName is the same for the CNI plugin and for Felix.
func interfaceName(namespace, pod string) string {
	sum := sha1.Sum([]byte(namespace + "." + pod))
	return interfacePrefix + hex.EncodeToString(sum[:])[:11]
}

func (pod Pod) profiles() []string {
	account := pod.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	return []string{"kns." + pod.Namespace, "ksa." + pod.Namespace + "." + account}
}

// profileChain lets everything through for a namespace's profile; a service account's has nothing to say.
func profileChain(profile string, way Way) Chain {
	rule := Rule{}
	if strings.HasPrefix(profile, "kns.") {
		rule = setMark(markAccept)
	}
	return Chain{chainName(way.ProfilePrefix, profile), []Rule{rule.saying("Profile " + profile + " " + way.Word)}}
}

func tierRules(policies []NetworkPolicy, way Way) []Rule {
	if len(policies) == 0 {
		return nil
	}
	rules := []Rule{clearMark("0x20000").saying("Start of tier " + tier)}
	for _, policy := range policies {
		rules = append(rules,
			jump(policy.chainName(way)).when(marked("0/0x20000")),
			leave.when(marked(markAccept)).saying("Return if policy accepted"))
	}
	return append(rules, drop.when(marked("0/0x20000")).saying("End of tier "+tier+". Drop if no policies passed packet"))
}

// workloadChain is all that a pod's packets meet in one direction.
func workloadChain(pod Pod, policies []NetworkPolicy, way Way) Chain {
	rules := []Rule{
		accept.when("-m conntrack --ctstate RELATED,ESTABLISHED"),
		drop.when("-m conntrack --ctstate INVALID"),
		clearMark("0x30000"),
	}
	if way.PolicyType == "Egress" {
		rules = append(rules,
			drop.when("-p 17 -m multiport --destination-ports 4789").saying("Drop VXLAN encapped packets originating in workloads"),
			drop.when("-p 4").saying("Drop IPinIP encapped packets originating in workloads"))
	}
	rules = append(rules, tierRules(policies, way)...)
	for _, profile := range pod.profiles() {
		rules = append(rules,
			jump(chainName(way.ProfilePrefix, profile)),
			leave.when(marked(markAccept)).saying("Return if profile accepted"))
	}
	return Chain{way.WorkloadPrefix + interfaceName(pod.Namespace, pod.Name), append(rules, drop.saying("Drop if no profiles matched"))}
}

// dispatchChains lead from an interface to its chain; those that begin alike have a chain of their own.
func dispatchChains(interfaces []string, way Way) []Chain {
	unknown := drop.saying("Unknown interface")
	toWorkload := func(name string) Rule {
		return Rule{Match: way.Interface + name, Action: "--goto " + way.WorkloadPrefix + name}
	}
	root := Chain{Name: way.DispatchPrefix}
	chains := []Chain{}
	byNext := map[byte][]string{}
	for _, name := range interfaces {
		next := name[len(interfacePrefix)]
		byNext[next] = append(byNext[next], name)
	}
	nexts := []byte{}
	for next := range byNext {
		nexts = append(nexts, next)
	}
	slices.Sort(nexts)
	for _, next := range nexts {
		names := byNext[next]
		if len(names) == 1 {
			root.Rules = append(root.Rules, toWorkload(names[0]))
			continue
		}
		child := Chain{Name: way.DispatchPrefix + "-" + string(next)}
		for _, name := range names {
			child.Rules = append(child.Rules, toWorkload(name))
		}
		child.Rules = append(child.Rules, unknown)
		chains = append(chains, child)
		root.Rules = append(root.Rules, Rule{Match: way.Interface + interfacePrefix + string(next) + "+", Action: "--goto " + child.Name})
	}
	root.Rules = append(root.Rules, unknown)
	return append(chains, root)
}
