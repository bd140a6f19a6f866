import { waitFor } from '../clock.ts';
import type { Lab } from '../handle.ts';
import { pauseAgent, restartAgent } from './agents.ts';
import { type Fault, victim, withTunnel } from './fault.ts';
import { devices, type Vtep, vteps } from './vtep.ts';

const onNode = async (lab: Lab, argv: readonly string[]): Promise<void> => {
  await lab.nodeExec(victim.node, argv);
};

const setMac = async (lab: Lab, macOf: (vtep: Vtep) => string): Promise<void> => {
  for (const vtep of await vteps(lab, victim.node)) await onNode(lab, ['ip', 'link', 'set', vtep.device, 'address', macOf(vtep)]);
};

/** As after the device was made anew while flanneld could not tell the others. */
export const vtepMacStale: Fault = {
  name: 'vtep-mac-stale',
  title: "a node's VXLAN device has another MAC address than the other nodes were told",
  appliesTo: withTunnel,
  inject: (lab) => setMac(lab, ({ family }) => `02:00:00:00:0${family}:99`),
  undo: async (lab) => {
    await setMac(lab, ({ mac }) => mac);
    // a change of its MAC takes a device's neighbour entries along, permanent ones too
    await restartAgent(lab, victim.node, 'flanneld');
  },
};

const otherMac = (mac: string): string => mac.replace(/..$/, (last) => ((Number.parseInt(last, 16) + 1) % 256).toString(16).padStart(2, '0'));

/** flannel passes nothing on to dual-stack nodes while one address family's data is as before (pkg/subnet/kube/kube.go, handleUpdateLeaseEvent). */
export const vtepChangeUnheard: Fault = {
  name: 'vtep-change-unheard',
  title: 'a node announced another MAC address of its IPv4 VXLAN device, which flannel on the others did not heed',
  appliesTo: (options) => withTunnel(options) && options.ip === 'dual',
  inject: async (lab) => {
    const own = async (): Promise<Vtep | undefined> => (await vteps(lab, victim.node)).find(({ family }) => family === 4);
    const before = await own();
    if (!before) throw new Error(`${victim.node} has published no VXLAN endpoint of IPv4`);
    await onNode(lab, ['ip', 'link', 'set', before.device, 'address', otherMac(before.mac)]);
    await restartAgent(lab, victim.node, 'flanneld');
    await waitFor(`${victim.node} announce its new MAC address`, async () => (await own())?.mac === otherMac(before.mac));
  },
  undo: (lab) => restartAgent(lab, victim.peer, 'flanneld'),
};

/** As on a node whose flanneld never saw the changed configuration: the same device, but of another VXLAN network. */
const remake = async (lab: Lab, vni: number): Promise<void> => {
  const own = await vteps(lab, victim.node);
  const others = await vteps(lab, victim.peer);
  for (const { family, device, mac, gateway, address } of own) {
    const peer = others.find((vtep) => vtep.family === family);
    const mtu = (await lab.nodeExec(victim.node, ['cat', `/sys/class/net/${device}/mtu`])).stdout.trim();
    if (!peer) throw new Error(`${victim.peer} has no VXLAN endpoint of IPv${family}`);
    const { podCidr } = lab.plan.nodes.find(({ name }) => name === victim.peer) ?? {};
    await onNode(lab, ['ip', 'link', 'del', device]);
    const batch = [
      `link add ${device} address ${mac} mtu ${mtu} type vxlan id ${vni} local ${address} dev eth0 dstport 8472 nolearning`,
      `address add ${gateway}/${family === 4 ? 32 : 128} dev ${device}${family === 4 ? '' : ' nodad'}`,
      `link set ${device} up`,
      `neighbour replace ${peer.gateway} lladdr ${peer.mac} dev ${device} nud permanent`,
      `route replace ${podCidr?.[family]} via ${peer.gateway} dev ${device} onlink`,
    ];
    await lab.nodeExec(victim.node, ['ip', `-${family}`, '-batch', '-'], { input: `${batch.join('\n')}\n` });
    await onNode(lab, ['bridge', 'fdb', 'append', peer.mac, 'dev', device, 'dst', peer.address, 'self', 'permanent']);
  }
};

export const vniMismatch: Fault = {
  name: 'vni-mismatch',
  title: 'the two ends of the tunnel have different VXLAN network identifiers',
  appliesTo: withTunnel,
  inject: async (lab) => {
    await pauseAgent(lab, victim.node, 'flanneld');
    await remake(lab, 9);
  },
  undo: (lab) => restartAgent(lab, victim.node, 'flanneld'),
};

export const receivingVxlanMissing: Fault = {
  name: 'receiving-vxlan-missing',
  title: "the pod's node has no VXLAN device",
  appliesTo: withTunnel,
  inject: async (lab) => {
    await pauseAgent(lab, victim.node, 'flanneld');
    for (const device of devices(lab)) await onNode(lab, ['ip', 'link', 'del', device]);
  },
  undo: (lab) => restartAgent(lab, victim.node, 'flanneld'),
};
