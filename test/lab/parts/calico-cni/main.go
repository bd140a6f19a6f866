// Command calico-cni is the CNI plugin named "calico": a veth pair whose end on the node is named after the pod, a route to each of the pod's
// addresses alone, and gateways that no range holds: for IPv4 one that exists only as the node's answer to ARP, for IPv6 the link-local
// address of the node's end. The addresses are host-local's.
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

// told reads what the agent wrote of this node.
func told(what string) (string, error) {
	text, err := os.ReadFile("/var/lib/calico/" + what)
	if err != nil {
		return "", fmt.Errorf("the agent has not written the node's %s: %w", what, err)
	}
	return strings.TrimSpace(string(text)), nil
}

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

// allocate asks host-local, which keeps its own books, for an address of each of this node's ranges or to free them again.
func allocate(asked configuration) ([]byte, error) {
	podCIDRs, err := told("podcidr")
	if err != nil {
		return nil, err
	}
	ranges := [][]configuration{}
	for subnet := range strings.FieldsSeq(podCIDRs) {
		ranges = append(ranges, []configuration{{"subnet": subnet}})
	}
	input, err := json.Marshal(configuration{
		"cniVersion": asked["cniVersion"], "name": asked["name"], "type": "calico",
		"ipam": configuration{"type": "host-local", "ranges": ranges},
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
	addresses, given := []string{}, []configuration{}
	for _, one := range got.IPs {
		address, _, _ := strings.Cut(one.Address, "/")
		family := familyOf(address)
		addresses = append(addresses, address)
		given = append(given, configuration{"version": family.version, "address": address + family.alone, "interface": 1})
	}
	if err := connect(host, addresses); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(configuration{
		"cniVersion": asked["cniVersion"],
		"interfaces": []configuration{{"name": host}, {"name": os.Getenv("CNI_IFNAME"), "sandbox": os.Getenv("CNI_NETNS")}},
		"ips":        given,
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
