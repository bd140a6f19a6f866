package main

import (
	"slices"
	"strings"
)

// Wanted is all that one node's kernel should hold.
type Wanted struct {
	Tables []Table
	Sets   Sets
}

func (cluster Cluster) policiesOf(pod Pod, way Way) []NetworkPolicy {
	found := []NetworkPolicy{}
	for _, policy := range cluster.Policies {
		if policy.Namespace == pod.Namespace && policy.is(way.PolicyType) && policy.Spec.PodSelector.matches(pod.Labels) {
			found = append(found, policy)
		}
	}
	slices.SortFunc(found, func(a, b NetworkPolicy) int { return strings.Compare(a.Name, b.Name) })
	return found
}

func (cluster Cluster) localPods(node string) []Pod {
	found := []Pod{}
	for _, pod := range cluster.Pods {
		if pod.Spec.NodeName == node && pod.isEndpoint() {
			found = append(found, pod)
		}
	}
	slices.SortFunc(found, func(a, b Pod) int {
		return strings.Compare(interfaceName(a.Namespace, a.Name), interfaceName(b.Namespace, b.Name))
	})
	return found
}

// chainsOf are the chains of one direction: each pod's, those of the policies and profiles that some pod here has, and the way to them.
func (cluster Cluster) chainsOf(pods []Pod, way Way, sets Sets) []Chain {
	shared := map[string]Chain{}
	interfaces := []string{}
	chains := []Chain{}
	for _, pod := range pods {
		policies := cluster.policiesOf(pod, way)
		for _, policy := range policies {
			shared[policy.chainName(way)] = policy.chain(way, cluster, sets)
		}
		for _, profile := range pod.profiles() {
			chain := profileChain(profile, way)
			shared[chain.Name] = chain
		}
		interfaces = append(interfaces, interfaceName(pod.Namespace, pod.Name))
		chains = append(chains, workloadChain(pod, policies, way))
	}
	for _, chain := range shared {
		chains = append(chains, chain)
	}
	return append(chains, dispatchChains(interfaces, way)...)
}

func (cluster Cluster) otherAddresses(node string) []string {
	found := []string{}
	for _, one := range cluster.Nodes {
		if one.Name != node {
			found = append(found, one.address())
		}
	}
	slices.Sort(found)
	return found
}

// render is pure: what was read of the API, and a pool of pod addresses, to what a node should hold.
func render(cluster Cluster, node, pool string) Wanted {
	own := cluster.Nodes[node]
	sets := Sets{
		"cali40this-host":        {"hash:ip", []string{"127.0.0.0", "127.0.0.1", own.address(), tunnelAddress(own)}},
		"cali40network-ip-pools": {"hash:net", []string{pool}},
		"cali40masq-ipam-pools":  {"hash:net", []string{pool}},
		"cali40all-vxlan-net":    {"hash:net", cluster.otherAddresses(node)},
		"cali40dscp-src-net":     {"hash:net", nil},
	}
	policies := filter()
	pods := cluster.localPods(node)
	for _, way := range ways {
		policies.Chains = append(policies.Chains, cluster.chainsOf(pods, way, sets)...)
	}
	return Wanted{[]Table{mangle(), raw(), policies, nat()}, sets}
}
