package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const hostMAC = "ee:ee:ee:ee:ee:ee"

// Family is how addresses of one kind are connected.
type Family struct {
	version, alone string
	// hostSettings are files under /proc/sys/net, with the name of the node's end in them, and podSettings with that of the pod's.
	hostSettings, podSettings map[string]string
	// gateway is on the link of the pod, and on it only as toGateway says where the kernel would not know.
	gateway, toGateway string
}

var (
	// the node answers for every address that is asked for with ARP
	v4 = Family{"4", "/32", map[string]string{"ipv4/conf/%s/proxy_arp": "1", "ipv4/conf/%s/forwarding": "1"}, nil,
		"169.254.1.1", "route add 169.254.1.1 dev %s scope link"}
	// hostMAC's own link-local address; nobody else can be on the link, so that nobody has to be asked whether an address is free
	v6 = Family{"6", "/128",
		map[string]string{
			"ipv6/conf/%s/disable_ipv6": "0", "ipv6/conf/%s/accept_dad": "0", "ipv6/conf/%s/accept_ra": "0",
			"ipv6/conf/%s/proxy_ndp": "1", "ipv6/conf/%s/forwarding": "1",
		},
		map[string]string{"ipv6/conf/lo/disable_ipv6": "0", "ipv6/conf/%s/disable_ipv6": "0", "ipv6/conf/%s/accept_dad": "0"},
		"fe80::ecee:eeff:feee:eeee", ""}
)

func familyOf(address string) Family {
	if strings.Contains(address, ":") {
		return v6
	}
	return v4
}

func ip(arguments []string, commands ...string) error {
	command := exec.Command("ip", append(arguments, "-batch", "-")...)
	command.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, output)
	}
	return nil
}

func named(pattern, link string) string { return strings.Replace(pattern, "%s", link, 1) }

// set writes settings of a link in this network namespace.
func set(settings map[string]string, link string) error {
	for pattern, value := range settings {
		if err := os.WriteFile("/proc/sys/net/"+named(pattern, link), []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// setIn is set in the pod's network namespace.
func setIn(netns string, settings map[string]string, link string) error {
	arguments := []string{"netns", "exec", netns, "sh", "-ec", `while [ $# -gt 0 ]; do echo "$2" >"/proc/sys/net/$1"; shift 2; done`, "sh"}
	for pattern, value := range settings {
		arguments = append(arguments, named(pattern, link), value)
	}
	if output, err := exec.Command("ip", arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip netns exec: %w: %s", err, output)
	}
	return nil
}

// connect makes the pair of links, the pod's addresses on one end, and the routes to and from them.
func connect(host string, addresses []string) error {
	mtu, err := told("mtu")
	if err != nil {
		return err
	}
	// a pod's earlier sandbox may have left its link
	exec.Command("ip", "link", "delete", host).Run()
	netns, name := filepath.Base(os.Getenv("CNI_NETNS")), os.Getenv("CNI_IFNAME")
	if err := ip(nil, fmt.Sprintf("link add %s mtu %s address %s type veth peer name %s mtu %s netns %s", host, mtu, hostMAC, name, mtu, netns)); err != nil {
		return err
	}
	onHost, inPod := []string{"link set " + host + " up"}, []string{"link set " + name + " up"}
	for _, address := range addresses {
		family := familyOf(address)
		if err := set(family.hostSettings, host); err != nil {
			return err
		}
		if len(family.podSettings) > 0 {
			if err := setIn(netns, family.podSettings, name); err != nil {
				return err
			}
		}
		onHost = append(onHost, fmt.Sprintf("route replace %s dev %s scope link metric 1024", address, host))
		inPod = append(inPod, fmt.Sprintf("address add %s%s dev %s", address, family.alone, name))
		if family.toGateway != "" {
			inPod = append(inPod, named(family.toGateway, name))
		}
		inPod = append(inPod, fmt.Sprintf("route add default via %s dev %s", family.gateway, name))
	}
	if err := ip(nil, onHost...); err != nil {
		return err
	}
	return ip([]string{"-n", netns}, inPod...)
}
