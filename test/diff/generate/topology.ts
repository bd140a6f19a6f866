import { add, anywhere, type ByFamily, type Draft, macOf, type NodeDraft, type PodDraft, single, tag } from './draft.ts';
import { overlay } from './overlay.ts';

/** The namespace between the nodes: a switch, or a router with a subnet per node. It also stands for everything outside. */
export const outside = 'net';

/** A host out there that answers. */
export const farHost: ByFamily = { 4: '203.0.113.7', 6: 'fd99::7' };

/** 1–3 nodes with 2–6 pods between them, wired as network plugins do it. */
export const topology = (draft: Draft): void => {
  const { random } = draft;
  const count = random.weighted([
    [3, 1],
    [5, 2],
    [2, 3],
  ] as const);
  draft.underlay = random.chance(0.75) ? 'switch' : 'router';
  tag(draft, `${count} nodes`, `underlay ${draft.underlay}`);
  draft.nodes = Array.from({ length: count }, (_, at) => planNode(draft, at + 1));
  const pods = random.int(2, count === 1 ? 4 : 6);
  const homes = Array.from({ length: pods }, (_, at) => draft.nodes[at < count ? at : random.int(0, count - 1)] as NodeDraft);
  draft.pods = homes.map((node, at) => planPod(node, homes.slice(0, at).filter((home) => home === node).length + 1));
  draft.spaces = [
    ...draft.nodes.map(({ name }) => ({ name, role: 'host', node: name }) as const),
    ...draft.pods.map(({ name, node }) => ({ name, role: 'pod', node: node.name }) as const),
    { name: outside, role: 'outside' },
  ];
  for (const { name } of draft.spaces) add(draft, name, 'ip', 'link set lo up');
  for (const node of draft.nodes) wireNode(draft, node);
  for (const pod of draft.pods) wirePod(draft, pod);
  wireOutside(draft);
  if (count > 1) overlay(draft);
};

const planNode = ({ random, underlay }: Draft, index: number): NodeDraft => {
  const uplink = random.chance(0.12) ? 'br-ex' : 'eth0';
  const style = random.weighted([
    [12, 'bridge'],
    [8, 'routed'],
    // its pods are in the nodes' own subnet
    [underlay === 'switch' && uplink === 'eth0' ? 1 : 0, 'macvlan'],
  ] as const);
  return {
    name: `n${index}`,
    index,
    address: underlay === 'switch' ? { 4: `10.33.0.${index}`, 6: `fd33::${index}` } : { 4: `10.33.${index}.2`, 6: `fd33:${index}::2` },
    podCidr: { 4: `10.244.${index}.0/24`, 6: `fd44:${index}::/64` },
    uplink,
    style,
    backend: random.chance(0.6) ? 'nft' : 'legacy',
    devices: ['eth0', ...(uplink === 'eth0' ? [] : [uplink]), ...(style === 'bridge' ? ['cni0'] : [])],
  };
};

const planPod = (node: NodeDraft, number: number): PodDraft => ({
  name: `${node.name}p${number}`,
  node,
  address:
    node.style === 'macvlan'
      ? { 4: `10.33.0.${60 + 50 * node.index + number}`, 6: `fd33::${60 + 50 * node.index + number}` }
      : { 4: `10.244.${node.index}.${number + 3}`, 6: `fd44:${node.index}::${number + 3}` },
  hostDevice: { bridge: `veth${number}`, routed: `cali${number}`, macvlan: 'eth0' }[node.style],
  mac: macOf(1, node.index, number),
});

/** The address of the node that its pods route by. */
export const gatewayOf = ({ index }: NodeDraft): ByFamily => ({ 4: `10.244.${index}.1`, 6: `fd44:${index}::1` });

const wireNode = (draft: Draft, node: NodeDraft): void => {
  const { random, families, underlay } = draft;
  const { name, index, uplink, style } = node;
  const port = uplink === 'eth0' ? macOf(2, index, 1) : macOf(2, index, 2);
  add(draft, name, 'ip', `link add eth0 address ${port} type veth peer name to-${name} address ${macOf(7, index, 1)} netns @${outside}@`);
  if (uplink !== 'eth0') {
    tag(draft, 'uplink bridge');
    add(draft, name, 'ip', `link add ${uplink} address ${macOf(2, index, 1)} type bridge mcast_snooping 0`, `link set eth0 master ${uplink} up`);
  }
  add(draft, name, 'ip', `link set ${uplink} up`);
  for (const family of families) {
    const via = underlay === 'switch' ? (family === 4 ? '10.33.0.254' : 'fd33::fe') : family === 4 ? `10.33.${index}.1` : `fd33:${index}::1`;
    add(draft, name, 'ip', addAddress(`${node.address[family]}/${family === 4 ? 24 : 64}`, uplink), `route add default via ${via} dev ${uplink}`);
  }
  add(draft, name, 'sysctl', ...(families.includes(6) ? ['net/ipv6/conf/all/forwarding=1'] : []));
  tag(draft, `pods ${style}`);
  if (style !== 'bridge') return;
  add(draft, name, 'ip', `link add cni0 address ${macOf(3, index, 1)} type bridge mcast_snooping 0`, 'link set cni0 up');
  for (const family of families) add(draft, name, 'ip', addAddress(`${gatewayOf(node)[family]}/${family === 4 ? 24 : 64}`, 'cni0'));
  if (random.chance(0.3)) {
    tag(draft, 'bridge-nf off');
    add(draft, name, 'sysctl', 'net/bridge/bridge-nf-call-iptables=0', 'net/bridge/bridge-nf-call-ip6tables=0');
  }
};

export const addAddress = (address: string, device: string): string => `addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`;

const wirePod = (draft: Draft, pod: PodDraft): void => {
  const { node, name, hostDevice, mac } = pod;
  if (node.style === 'macvlan') {
    onUplink(draft, pod);
    return;
  }
  node.devices.push(hostDevice);
  const hostMac = node.style === 'bridge' ? macOf(4, node.index, Number(hostDevice.at(-1))) : 'ee:ee:ee:ee:ee:ee';
  add(draft, node.name, 'ip', `link add ${hostDevice} address ${hostMac} type veth peer name eth0 address ${mac} netns @${name}@`);
  (node.style === 'bridge' ? onBridge : byRoute)(draft, pod);
};

/** As the bridge plugin does it: host side is a port, the pod's gateway is the bridge. */
const onBridge = (draft: Draft, { node, name, hostDevice, address }: PodDraft): void => {
  add(draft, node.name, 'ip', `link set ${hostDevice} master cni0 up`);
  if (draft.random.chance(0.6)) add(draft, node.name, 'bridge', `link set dev ${hostDevice} hairpin on`);
  add(draft, name, 'ip', 'link set eth0 up');
  for (const family of draft.families) {
    const length = family === 4 ? 24 : 64;
    add(draft, name, 'ip', addAddress(`${address[family]}/${length}`, 'eth0'), `route add default via ${gatewayOf(node)[family]}`);
  }
};

/** As Calico and the ptp plugin do it: a /32 in the pod, a host route on the node; the gateway is an address nobody has, or the node's own. */
const byRoute = (draft: Draft, pod: PodDraft): void => {
  const { node, name, hostDevice, address } = pod;
  const calico = draft.random.chance(0.7);
  tag(draft, calico ? 'calico veth' : 'ptp veth');
  add(draft, node.name, 'ip', `link set ${hostDevice} up`);
  add(draft, name, 'ip', 'link set eth0 up');
  for (const family of draft.families) {
    const gateway = calico ? linkGateway[family] : gatewayOf(node)[family];
    if (family === 6 || !calico) add(draft, node.name, 'ip', addAddress(single(gateway, family), hostDevice));
    add(draft, node.name, 'ip', `route add ${single(address[family], family)} dev ${hostDevice}${family === 4 && calico ? ' scope link' : ''}`);
    add(draft, name, 'ip', addAddress(single(address[family], family), 'eth0'), `route add ${single(gateway, family)} dev eth0`);
    add(draft, name, 'ip', `route add ${anywhere(family)} via ${gateway} dev eth0`);
  }
  if (calico) add(draft, node.name, 'sysctl', `net/ipv4/conf/${hostDevice}/proxy_arp=1`, `net/ipv4/conf/${hostDevice}/rp_filter=1`);
};

/** As the macvlan plugin does it: a device of its own in the nodes' network, which does not see its node. */
const onUplink = (draft: Draft, { node, name, mac, address }: PodDraft): void => {
  add(draft, node.name, 'ip', `link add link eth0 name eth0 address ${mac} netns @${name}@ type macvlan mode bridge`);
  add(draft, name, 'ip', 'link set eth0 up');
  for (const family of draft.families) {
    add(draft, name, 'ip', addAddress(`${address[family]}/${family === 4 ? 24 : 64}`, 'eth0'));
    add(draft, name, 'ip', `route add default via ${family === 4 ? '10.33.0.254' : 'fd33::fe'}`);
  }
};

/** Calico's gateway in a pod; for IPv6 it uses the veth's link-local address, which every kernel would choose anew, so one is given. */
const linkGateway: ByFamily = { 4: '169.254.1.1', 6: 'fd44::1' };

const wireOutside = (draft: Draft): void => {
  const { families, nodes, underlay } = draft;
  const switched = underlay === 'switch';
  if (switched) add(draft, outside, 'ip', `link add br0 address ${macOf(5, 0, 1)} type bridge mcast_snooping 0`, 'link set br0 up');
  for (const { name } of nodes) add(draft, outside, 'ip', `link set to-${name}${switched ? ' master br0' : ''} up`);
  for (const family of families) {
    add(draft, outside, 'ip', addAddress(single(farHost[family], family), 'lo'));
    if (switched) add(draft, outside, 'ip', addAddress(family === 4 ? '10.33.0.254/24' : 'fd33::fe/64', 'br0'));
    else
      for (const { name, index } of nodes)
        add(draft, outside, 'ip', addAddress(family === 4 ? `10.33.${index}.1/24` : `fd33:${index}::1/64`, `to-${name}`));
  }
  add(draft, outside, 'sysctl', ...(families.includes(6) ? ['net/ipv6/conf/all/forwarding=1'] : []));
};
