package main

import (
	"slices"
	"strings"
)

// Wanted is all that one node's kernel should hold of one family.
type Wanted struct {
	Tables []Table
	Sets   Sets
}

// Rendering is one node's rules of one family in the making: what they are made from, and the sets that they came to need.
type Rendering struct {
	Cluster
	Network
	sets Sets
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
func (rendering Rendering) chainsOf(pods []Pod, way Way) []Chain {
	shared := map[string]Chain{}
	interfaces := []string{}
	chains := []Chain{}
	for _, pod := range pods {
		policies := rendering.policiesOf(pod, way)
		for _, policy := range policies {
			shared[policy.chainName(way)] = rendering.policyChain(policy, way)
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

func (rendering Rendering) otherAddresses(node string) []string {
	found := []string{}
	for _, one := range rendering.Nodes {
		if address := rendering.of(one.addresses()); one.Name != node && address != "" {
			found = append(found, address)
		}
	}
	slices.Sort(found)
	return found
}

// render is pure: what was read of the API, and a pool of pod addresses, to what a node should hold of its family.
func render(cluster Cluster, node string, network Network) Wanted {
	own := cluster.Nodes[node]
	rendering := Rendering{cluster, network, Sets{}}
	for name, set := range map[string]Set{
		"this-host":        {"hash:ip", append(slices.Clone(network.Loopback), network.of(own.addresses()), network.tunnelAddress(own))},
		"network-ip-pools": {"hash:net", []string{network.Pool}},
		"masq-ipam-pools":  {"hash:net", []string{network.Pool}},
		"all-vxlan-net":    {"hash:net", rendering.otherAddresses(node)},
		"dscp-src-net":     {"hash:net", nil},
	} {
		rendering.sets[network.SetPrefix+name] = set
	}
	policies := network.filter()
	pods := cluster.localPods(node)
	for _, way := range ways {
		policies.Chains = append(policies.Chains, rendering.chainsOf(pods, way)...)
	}
	return Wanted{[]Table{network.mangle(), raw(), policies, network.nat()}, rendering.sets}
}
