package main

import (
	"fmt"
	"slices"
	"strings"
)

// matches follows the API's text: NotIn and DoesNotExist hold where the key is absent.
func (selector LabelSelector) matches(labels map[string]string) bool {
	for key, value := range selector.MatchLabels {
		if have, found := labels[key]; !found || have != value {
			return false
		}
	}
	for _, one := range selector.MatchExpressions {
		value, found := labels[one.Key]
		holds := map[string]bool{
			"In": found && slices.Contains(one.Values, value), "NotIn": !found || !slices.Contains(one.Values, value),
			"Exists": found, "DoesNotExist": !found,
		}[one.Operator]
		if !holds {
			return false
		}
	}
	return true
}

func quoted(values []string) string {
	sorted := slices.Sorted(slices.Values(values))
	for index, value := range sorted {
		sorted[index] = fmt.Sprintf("%q", value)
	}
	return "{" + strings.Join(sorted, ", ") + "}"
}

// terms are the selector in Calico's own language, each key under a prefix.
func (selector LabelSelector) terms(prefix string) []string {
	terms := []string{}
	keys := []string{}
	for key := range selector.MatchLabels {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		terms = append(terms, fmt.Sprintf("%s%s == %q", prefix, key, selector.MatchLabels[key]))
	}
	for _, one := range selector.MatchExpressions {
		key := prefix + one.Key
		terms = append(terms, map[string]string{
			"In": key + " in " + quoted(one.Values), "NotIn": key + " not in " + quoted(one.Values),
			"Exists": "has(" + key + ")", "DoesNotExist": "!has(" + key + ")",
		}[one.Operator])
	}
	return terms
}

// both joins terms as Calico writes a parsed selector down again.
func both(terms []string) string {
	if len(terms) == 1 {
		return terms[0]
	}
	return "(" + strings.Join(terms, " && ") + ")"
}

// selectorText is what a set of addresses is named after.
func (peer Peer) selectorText(namespace string) string {
	pods := []string{`projectcalico.org/orchestrator == "k8s"`}
	if peer.PodSelector != nil {
		pods = append(pods, peer.PodSelector.terms("")...)
	}
	where := fmt.Sprintf("projectcalico.org/namespace == %q", namespace)
	if peer.NamespaceSelector != nil {
		where = "has(projectcalico.org/namespace)"
		if terms := peer.NamespaceSelector.terms("pcns."); len(terms) > 0 {
			where = both(terms)
		}
	}
	return both([]string{where, both(pods)})
}

// pods of the cluster that a peer means.
func (peer Peer) pods(cluster Cluster, namespace string) []Pod {
	found := []Pod{}
	for _, pod := range cluster.Pods {
		if !pod.isEndpoint() {
			continue
		}
		if peer.NamespaceSelector == nil && pod.Namespace != namespace {
			continue
		}
		if peer.NamespaceSelector != nil && !peer.NamespaceSelector.matches(cluster.Namespaces[pod.Namespace].Labels) {
			continue
		}
		if peer.PodSelector == nil || peer.PodSelector.matches(pod.Labels) {
			found = append(found, pod)
		}
	}
	return found
}
