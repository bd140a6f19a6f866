package main

import "strconv"

// What is read of the API: only the fields that decide.

type Meta struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
}

type Pod struct {
	Meta `json:"metadata"`
	Spec struct {
		NodeName           string `json:"nodeName"`
		HostNetwork        bool   `json:"hostNetwork"`
		ServiceAccountName string `json:"serviceAccountName"`
		Containers         []struct {
			Ports []struct {
				Name          string `json:"name"`
				ContainerPort int    `json:"containerPort"`
				Protocol      string `json:"protocol"`
			} `json:"ports"`
		} `json:"containers"`
	} `json:"spec"`
	Status struct {
		Phase  string `json:"phase"`
		PodIPs []struct {
			IP string `json:"ip"`
		} `json:"podIPs"`
	} `json:"status"`
}

func (pod Pod) addresses() []string {
	found := []string{}
	for _, one := range pod.Status.PodIPs {
		found = append(found, one.IP)
	}
	return found
}

// isEndpoint tells the pods that Felix knows: those with an address and a link of their own, as long as they run.
func (pod Pod) isEndpoint() bool {
	return !pod.Spec.HostNetwork && len(pod.Status.PodIPs) > 0 && pod.Status.Phase != "Succeeded" && pod.Status.Phase != "Failed"
}

type Namespace struct {
	Meta `json:"metadata"`
}

type Node struct {
	Meta `json:"metadata"`
	Spec struct {
		PodCIDRs []string `json:"podCIDRs"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
	} `json:"status"`
}

func (node Node) addresses() []string {
	found := []string{}
	for _, one := range node.Status.Addresses {
		if one.Type == "InternalIP" {
			found = append(found, one.Address)
		}
	}
	return found
}

type LabelSelector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values"`
	} `json:"matchExpressions"`
}

type Peer struct {
	PodSelector       *LabelSelector `json:"podSelector"`
	NamespaceSelector *LabelSelector `json:"namespaceSelector"`
	IPBlock           *struct {
		CIDR   string   `json:"cidr"`
		Except []string `json:"except"`
	} `json:"ipBlock"`
}

// PortName is a port's number or, in quotes, its name.
type PortName string

func (port *PortName) UnmarshalJSON(text []byte) error {
	if unquoted, err := strconv.Unquote(string(text)); err == nil {
		*port = PortName(unquoted)
		return nil
	}
	*port = PortName(text)
	return nil
}

type PolicyPort struct {
	Protocol string   `json:"protocol"`
	Port     PortName `json:"port"`
	EndPort  int      `json:"endPort"`
}

type NetworkPolicy struct {
	Meta `json:"metadata"`
	Spec struct {
		PodSelector LabelSelector `json:"podSelector"`
		PolicyTypes []string      `json:"policyTypes"`
		Ingress     []struct {
			From  []Peer       `json:"from"`
			Ports []PolicyPort `json:"ports"`
		} `json:"ingress"`
		Egress []struct {
			To    []Peer       `json:"to"`
			Ports []PolicyPort `json:"ports"`
		} `json:"egress"`
	} `json:"spec"`
}

func (policy NetworkPolicy) is(direction string) bool {
	for _, one := range policy.Spec.PolicyTypes {
		if one == direction {
			return true
		}
	}
	return false
}

// Cluster is all that was read, by namespace/name.
type Cluster struct {
	Pods       map[string]Pod
	Namespaces map[string]Namespace
	Nodes      map[string]Node
	Policies   map[string]NetworkPolicy
}
