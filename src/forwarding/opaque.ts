import type { Link, Netns } from '../node/snapshot.ts';
import { linkNamed, type Place } from './world.ts';

/** Data planes that take packets off the kernel's path before its tables are asked: their devices, told by one that only they make. */
const programmed: { marker: string; devices: RegExp; owner: string }[] = [
  { marker: 'cilium_host', devices: /^(cilium_|lxc)/, owner: "Cilium's BPF programs" },
  { marker: 'bpfin.cali', devices: /^(cali|bpf(in|out)\.cali|vxlan\.calico)/, owner: "Calico's BPF programs" },
  // Pod interfaces by their plugin's naming (kube-ovn generateNicName, OVN-Kubernetes sandbox ID, Antrea suffix), for nodes whose OVS database was not read.
  { marker: 'ovn0', devices: /^(ovn0|br-int|[0-9a-f]{12}_h)$/, owner: 'the flows of OVS' },
  { marker: 'ovn-k8s-mp0', devices: /^(ovn-k8s-mp0|br-int|br-ex|[0-9a-f]{15})$/, owner: 'the flows of OVS' },
  { marker: 'antrea-gw0', devices: /^(antrea-.*|.*-[0-9a-f]{6})$/, owner: 'the flows of OVS' },
];

/** Who decides about packets at this device instead of the routing tables; undefined when nobody does. */
export const deciderAt = (place: Place, device: Link): string | undefined => knownPlane(place.netns, device) ?? switchPort(place, device);

const knownPlane = (netns: Netns, device: Link): string | undefined => {
  const plane = programmed.find(({ marker, devices }) => devices.test(device.name) && linkNamed(netns, marker) !== undefined);
  return plane && `${plane.owner} on ${device.name} decide`;
};

/** A port of OVS' userspace datapath has no master in the kernel. */
const switchPort = ({ snapshot, netns }: Place, device: Link): string | undefined => {
  const bridge = netns.role === 'host' ? snapshot.ovs?.bridges.find(({ ports }) => ports.some(({ name }) => name === device.name)) : undefined;
  return bridge && `the flows of OVS bridge ${bridge.name} decide at ${device.name}`;
};
