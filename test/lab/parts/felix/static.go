package main

import "fmt"

const (
	markAccept   = "0x10000/0x10000"
	markPass     = "0x20000/0x20000"
	markWorkload = "0x80000/0x80000"
)

func setMark(mark string) Rule   { return Rule{Action: "--jump MARK --set-mark " + mark} }
func clearMark(bits string) Rule { return setMark("0/" + bits) }
func marked(mark string) string  { return "-m mark --mark " + mark }

var (
	accept = jump("ACCEPT")
	drop   = jump("DROP")
	leave  = jump("RETURN")

	acceptedByHost = accept.when(marked(markAccept)).saying("Host endpoint policy accepted packet.")
)

func empty(names ...string) []Chain {
	chains := make([]Chain, 0, len(names))
	for _, name := range names {
		chains = append(chains, Chain{Name: name})
	}
	return chains
}

func (family Family) mangle() Table {
	return Table{
		Name:     "mangle",
		Inserted: []Chain{{"PREROUTING", []Rule{jump("cali-PREROUTING")}}, {"POSTROUTING", []Rule{jump("cali-POSTROUTING")}}},
		Chains: append(empty("cali-egress-dscp", "cali-from-host-endpoint", "cali-to-host-endpoint"),
			Chain{"cali-PREROUTING", []Rule{
				accept.when("-m conntrack --ctstate RELATED,ESTABLISHED"),
				accept.when(marked(markAccept)),
				jump("cali-from-host-endpoint"),
				acceptedByHost,
			}},
			Chain{"cali-POSTROUTING", []Rule{
				jump("cali-egress-dscp").saying("set dscp for traffic leaving cluster.").
					when("-m set --match-set " + family.SetPrefix + "dscp-src-net src -m set ! --match-set " + family.SetPrefix + "network-ip-pools dst" +
						" -m set ! --match-set " + family.SetPrefix + "this-host dst"),
				leave.when(marked(markAccept)),
				clearMark("0x1b0000"),
				jump("cali-to-host-endpoint").when("-m conntrack --ctstate DNAT"),
				leave.when(marked(markAccept)).saying("Host endpoint policy accepted packet."),
			}}),
	}
}

func raw() Table {
	return Table{
		Name:     "raw",
		Inserted: []Chain{{"PREROUTING", []Rule{jump("cali-PREROUTING")}}, {"OUTPUT", []Rule{jump("cali-OUTPUT")}}},
		Chains: append(empty("cali-from-host-endpoint", "cali-rpf-skip", "cali-to-host-endpoint"),
			Chain{"cali-PREROUTING", []Rule{
				clearMark("0x1b0000"),
				jump("NOTRACK").when("-p udp --dport 4789"),
				setMark(markWorkload).when("--in-interface cali+"),
				jump("cali-rpf-skip").when(marked(markWorkload)),
				drop.when(marked(markWorkload) + " -m rpfilter --invert --validmark"),
				jump("cali-from-host-endpoint").when(marked("0/0x80000")),
				accept.when(marked(markAccept)),
			}},
			Chain{"cali-OUTPUT", []Rule{
				clearMark("0x1b0000"),
				jump("cali-to-host-endpoint"),
				jump("NOTRACK").when("-p udp --dport 4789"),
				accept.when(marked(markAccept)),
			}}),
	}
}

func (family Family) nat() Table {
	masquerade := jump("MASQUERADE --random-fully")
	return Table{
		Name: "nat",
		Inserted: []Chain{
			{"PREROUTING", []Rule{jump("cali-PREROUTING")}},
			{"OUTPUT", []Rule{jump("cali-OUTPUT")}},
		},
		// behind kube-proxy's
		Appended: []Chain{{"POSTROUTING" + appends, []Rule{jump("cali-POSTROUTING")}}},
		Chains: append(empty("cali-fip-dnat", "cali-fip-snat"),
			Chain{"cali-PREROUTING", []Rule{jump("cali-fip-dnat")}},
			Chain{"cali-OUTPUT", []Rule{jump("cali-fip-dnat")}},
			Chain{"cali-POSTROUTING", []Rule{
				jump("cali-fip-snat"),
				jump("cali-nat-outgoing"),
				masquerade.when("--out-interface " + family.Tunnel + " -m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL"),
			}},
			Chain{"cali-nat-outgoing", []Rule{
				masquerade.when("-m set --match-set " + family.SetPrefix + "masq-ipam-pools src -m set ! --match-set " + family.SetPrefix + "network-ip-pools dst"),
			}}),
	}
}

// neighbourDiscovery lets in what a node has to hear as the router of its pods, whatever their policies say: multicast listeners (130 to 132),
// who asks for a router (133) or for a neighbour (135), and a neighbour's answer (136).
func (family Family) neighbourDiscovery() []Rule {
	rules := []Rule{}
	if family.Word == "IPv6" {
		for _, kind := range []int{130, 131, 132, 133, 135, 136} {
			rules = append(rules, accept.when(fmt.Sprintf("-p 58 -m icmp6 --icmpv6-type %d", kind)))
		}
	}
	return rules
}

// filter holds what never changes of the table that policies are in.
func (family Family) filter() Table {
	vxlan := "-p 17 -m multiport --destination-ports 4789"
	return Table{
		Name: "filter",
		Inserted: []Chain{
			{"INPUT", []Rule{jump("cali-INPUT")}},
			{"FORWARD", []Rule{jump("cali-FORWARD")}},
			{"OUTPUT", []Rule{jump("cali-OUTPUT")}},
		},
		Appended: []Chain{{"FORWARD" + appends, []Rule{
			accept.when(marked(markAccept)).saying("Policy explicitly accepted packet."),
			setMark(markAccept),
		}}},
		Chains: append(empty("cali-cidr-block", "cali-from-hep-forward", "cali-from-host-endpoint", "cali-to-hep-forward", "cali-to-host-endpoint"),
			Chain{"cali-FORWARD", []Rule{
				clearMark("0x1a0000"),
				jump("cali-from-hep-forward").when(marked("0/0x10000")),
				jump("cali-from-wl-dispatch").when("--in-interface cali+"),
				jump("cali-to-wl-dispatch").when("--out-interface cali+"),
				jump("cali-to-hep-forward"),
				jump("cali-cidr-block"),
			}},
			Chain{"cali-INPUT", []Rule{
				accept.when(vxlan + " -m set --match-set " + family.SetPrefix + "all-vxlan-net src -m addrtype --dst-type LOCAL").
					saying("Allow " + family.Word + " VXLAN packets from allowed hosts"),
				drop.when(vxlan + " -m addrtype --dst-type LOCAL").saying("Drop " + family.Word + " VXLAN packets from non-allowed hosts"),
				Rule{Match: "--in-interface cali+", Action: "--goto cali-wl-to-host"},
				accept.when(marked(markAccept)),
				clearMark("0x1b0000"),
				jump("cali-from-host-endpoint"),
				acceptedByHost,
			}},
			Chain{"cali-OUTPUT", []Rule{
				accept.when(marked(markAccept)),
				leave.when("--out-interface cali+"),
				accept.when(vxlan + " -m addrtype --src-type LOCAL -m set --match-set " + family.SetPrefix + "all-vxlan-net dst").
					saying("Allow " + family.Word + " VXLAN packets to other allowed hosts"),
				clearMark("0x1b0000"),
				jump("cali-to-host-endpoint").when("-m conntrack ! --ctstate DNAT"),
				acceptedByHost,
			}},
			Chain{"cali-wl-to-host", append(family.neighbourDiscovery(),
				jump("cali-from-wl-dispatch"),
				accept.saying("Configured DefaultEndpointToHostAction"),
			)}),
	}
}
