// Command calico-cni is the CNI plugin named "calico": a veth pair whose end on the node is named after the pod, a route to the pod's
// address alone, and a gateway that exists only as the node's answer to ARP. The address is host-local's.
package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// podCIDRFile is written by the agent.
const podCIDRFile = "/var/lib/calico/podcidr"

const (
	gateway = "169.254.1.1"
	hostMAC = "ee:ee:ee:ee:ee:ee"
	mtu     = "1450"
)

type configuration map[string]any

func main() {
	if err := run(); err != nil {
		json.NewEncoder(os.Stdout).Encode(configuration{"cniVersion": "0.3.1", "code": 100, "msg": err.Error()})
		os.Exit(1)
	}
}

func run() error {
	command := os.Getenv("CNI_COMMAND")
	if command == "VERSION" {
		return json.NewEncoder(os.Stdout).Encode(configuration{"cniVersion": "1.0.0", "supportedVersions": []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0"}})
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	asked := configuration{}
	if err := json.Unmarshal(input, &asked); err != nil {
		return fmt.Errorf("failed to read the network configuration: %w", err)
	}
	switch command {
	case "ADD":
		return add(asked)
	case "DEL":
		return remove(asked)
	}
	return nil
}

// interfaceName is the same for Felix and for this plugin.
func interfaceName() (string, error) {
	given := map[string]string{}
	for pair := range strings.SplitSeq(os.Getenv("CNI_ARGS"), ";") {
		if name, value, found := strings.Cut(pair, "="); found {
			given[name] = value
		}
	}
	namespace, pod := given["K8S_POD_NAMESPACE"], given["K8S_POD_NAME"]
	if namespace == "" || pod == "" {
		return "", errors.New("CNI_ARGS names no pod")
	}
	sum := sha1.Sum([]byte(namespace + "." + pod))
	return "cali" + hex.EncodeToString(sum[:])[:11], nil
}

// allocate asks host-local, which keeps its own books, for an address of this node's range or to free it again.
func allocate(asked configuration) ([]byte, error) {
	podCIDR, err := os.ReadFile(podCIDRFile)
	if err != nil {
		return nil, fmt.Errorf("the agent has not written the node's range: %w", err)
	}
	input, err := json.Marshal(configuration{
		"cniVersion": asked["cniVersion"], "name": asked["name"], "type": "calico",
		"ipam": configuration{"type": "host-local", "ranges": [][]configuration{{{"subnet": strings.TrimSpace(string(podCIDR))}}}},
	})
	if err != nil {
		return nil, err
	}
	plugin := exec.Command(filepath.Join(strings.Split(os.Getenv("CNI_PATH"), ":")[0], "host-local"))
	plugin.Stdin = bytes.NewReader(input)
	output, err := plugin.Output()
	if err != nil {
		return nil, fmt.Errorf("host-local: %w: %s", err, output)
	}
	return output, nil
}

func ip(arguments []string, commands ...string) error {
	command := exec.Command("ip", append(arguments, "-batch", "-")...)
	command.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, output)
	}
	return nil
}

func add(asked configuration) error {
	host, err := interfaceName()
	if err != nil {
		return err
	}
	allocated, err := allocate(asked)
	if err != nil {
		return err
	}
	var got struct {
		IPs []struct{ Address string } `json:"ips"`
	}
	if err := json.Unmarshal(allocated, &got); err != nil || len(got.IPs) == 0 {
		return fmt.Errorf("host-local gave no address: %s", allocated)
	}
	address, _, _ := strings.Cut(got.IPs[0].Address, "/")
	// a pod's earlier sandbox may have left its link
	exec.Command("ip", "link", "delete", host).Run()
	netns, name := filepath.Base(os.Getenv("CNI_NETNS")), os.Getenv("CNI_IFNAME")
	if err := ip(nil, fmt.Sprintf("link add %s mtu %s address %s type veth peer name %s mtu %s netns %s", host, mtu, hostMAC, name, mtu, netns)); err != nil {
		return err
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+host+"/proxy_arp", []byte("1"), 0o644); err != nil {
		return err
	}
	if err := ip(nil, "link set "+host+" up", fmt.Sprintf("route replace %s dev %s scope link metric 1024", address, host)); err != nil {
		return err
	}
	if err := ip([]string{"-n", netns},
		"link set "+name+" up",
		fmt.Sprintf("address add %s/32 dev %s", address, name),
		fmt.Sprintf("route add %s dev %s scope link", gateway, name),
		fmt.Sprintf("route add default via %s dev %s", gateway, name)); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(configuration{
		"cniVersion": asked["cniVersion"],
		"interfaces": []configuration{{"name": host}, {"name": name, "sandbox": os.Getenv("CNI_NETNS")}},
		"ips":        []configuration{{"version": "4", "address": address + "/32", "interface": 1}},
	})
}

// remove may be asked twice, after the pod's namespace took the link along, and after the next pod of that name got one of the same name:
// only the link in this sandbox is its own.
func remove(asked configuration) error {
	if netns := os.Getenv("CNI_NETNS"); netns != "" {
		exec.Command("ip", "-n", filepath.Base(netns), "link", "delete", os.Getenv("CNI_IFNAME")).Run()
	}
	_, err := allocate(asked)
	return err
}
