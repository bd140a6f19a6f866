// Command flannel-cni is the CNI plugin named "flannel": it completes the "delegate" of its configuration with what flanneld wrote to
// subnet.env and becomes the bridge plugin, as flannel's own plugin does. It keeps no state: subnet.env is there for DEL as well.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const subnetFile = "/run/flannel/subnet.env"

type configuration map[string]any

func main() {
	if err := run(); err != nil {
		json.NewEncoder(os.Stdout).Encode(configuration{"cniVersion": "0.3.1", "code": 100, "msg": err.Error()})
		os.Exit(1)
	}
}

func run() error {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	asked := configuration{}
	if err := json.Unmarshal(input, &asked); err != nil {
		return fmt.Errorf("failed to read the network configuration: %w", err)
	}
	subnet, err := readSubnet()
	if err != nil {
		return err
	}
	bridge, err := json.Marshal(delegate(asked, subnet))
	if err != nil {
		return err
	}
	return become("bridge", bridge)
}

func readSubnet() (map[string]string, error) {
	text, err := os.ReadFile(subnetFile)
	if err != nil {
		return nil, fmt.Errorf("flanneld has not written its subnet: %w", err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			values[name] = value
		}
	}
	return values, nil
}

func delegate(asked configuration, subnet map[string]string) configuration {
	bridge, _ := asked["delegate"].(map[string]any)
	completed := configuration{"isGateway": true}
	for key, value := range bridge {
		completed[key] = value
	}
	ranges, routes := [][]configuration{}, []configuration{}
	for _, family := range []string{"", "IPV6_"} {
		if subnet["FLANNEL_"+family+"SUBNET"] == "" {
			continue
		}
		ranges = append(ranges, []configuration{{"subnet": network(subnet["FLANNEL_"+family+"SUBNET"])}})
		routes = append(routes, configuration{"dst": subnet["FLANNEL_"+family+"NETWORK"]})
	}
	mtu, _ := strconv.Atoi(subnet["FLANNEL_MTU"])
	for key, value := range (configuration{
		"cniVersion": asked["cniVersion"], "name": asked["name"], "type": "bridge", "mtu": mtu, "ipMasq": subnet["FLANNEL_IPMASQ"] != "true",
		"ipam": configuration{"type": "host-local", "ranges": ranges, "routes": routes},
	}) {
		completed[key] = value
	}
	if previous, found := asked["prevResult"]; found {
		completed["prevResult"] = previous
	}
	return completed
}

// network turns flanneld's gateway address 10.244.1.1/24 into what host-local takes; host-local masks the host bits itself for IPv4 only.
func network(gateway string) string {
	address, bits, _ := strings.Cut(gateway, "/")
	if strings.HasSuffix(address, "::1") {
		return strings.TrimSuffix(address, "1") + "/" + bits
	}
	return strings.TrimSuffix(address, ".1") + ".0/" + bits
}

// become hands the configuration over as the next program's standard input.
func become(plugin string, input []byte) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	if _, err := writer.Write(input); err != nil {
		return err
	}
	writer.Close()
	if err := syscall.Dup2(int(reader.Fd()), 0); err != nil {
		return err
	}
	path := filepath.Join(strings.Split(os.Getenv("CNI_PATH"), ":")[0], plugin)
	return syscall.Exec(path, []string{path}, os.Environ())
}
