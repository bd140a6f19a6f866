import type { Lab } from '../handle.ts';
import { pauseAgent, restartAgent } from './agents.ts';
import { type Fault, victim } from './fault.ts';

const device = 'flannel.1';
const wrongMac = '02:00:00:00:be:ef';

interface Vtep {
  readonly mac: string;
  /** The gateway that the route to the other node's pods names, and the neighbour entry answers for. */
  readonly gateway: string;
  readonly address: string;
}

/** What flanneld on the victim's node has published, and so what its peer should have programmed. */
const remoteVtep = async (lab: Lab): Promise<Vtep> => {
  const annotations = JSON.parse(await lab.kubectl(['get', 'node', victim.node, '-o', 'jsonpath={.metadata.annotations}'])) as Readonly<
    Record<string, string>
  >;
  const { VtepMAC } = JSON.parse(annotations['flannel.alpha.coreos.com/backend-data'] ?? '{}') as { readonly VtepMAC?: string };
  const node = lab.plan.nodes.find(({ name }) => name === victim.node);
  const [gateway, address] = [node?.podCidr[4]?.replace('/24', ''), node?.address[4]];
  if (!VtepMAC || !gateway || !address) throw new Error(`${victim.node} has published no IPv4 VXLAN endpoint`);
  return { mac: VtepMAC, gateway, address };
};

const onPeer = async (lab: Lab, argv: readonly string[]): Promise<void> => {
  await lab.nodeExec(victim.peer, argv);
};

const restoreNeighbour = async (lab: Lab): Promise<void> => {
  const { mac, gateway } = await remoteVtep(lab);
  await onPeer(lab, ['ip', 'neighbour', 'replace', gateway, 'lladdr', mac, 'dev', device, 'nud', 'permanent']);
};

/** flanneld writes these when a node comes or changes and never looks again: nothing needs to be held. */
export const vtepNeighbourMissing: Fault = {
  name: 'vtep-neighbour-missing',
  title: `${device} has no neighbour entry for the other node`,
  inject: async (lab) => onPeer(lab, ['ip', 'neighbour', 'del', (await remoteVtep(lab)).gateway, 'dev', device]),
  undo: restoreNeighbour,
};

export const vtepNeighbourWrong: Fault = {
  name: 'vtep-neighbour-wrong',
  title: `${device} has a wrong MAC address for the other node`,
  inject: async (lab) =>
    onPeer(lab, ['ip', 'neighbour', 'replace', (await remoteVtep(lab)).gateway, 'lladdr', wrongMac, 'dev', device, 'nud', 'permanent']),
  undo: restoreNeighbour,
};

const restoreForwarding = async (lab: Lab): Promise<void> => {
  const { mac, address } = await remoteVtep(lab);
  await lab.nodeExec(victim.peer, ['bridge', 'fdb', 'del', mac, 'dev', device], { reject: false });
  await onPeer(lab, ['bridge', 'fdb', 'append', mac, 'dev', device, 'dst', address, 'self', 'permanent']);
};

export const fdbMissing: Fault = {
  name: 'fdb-missing',
  title: `${device} has no forwarding entry for the other node's MAC address`,
  inject: async (lab) => onPeer(lab, ['bridge', 'fdb', 'del', (await remoteVtep(lab)).mac, 'dev', device]),
  undo: restoreForwarding,
};

export const fdbWrong: Fault = {
  name: 'fdb-wrong',
  title: `${device} sends the other node's MAC address to a host that is not that node`,
  inject: async (lab) => {
    const { mac } = await remoteVtep(lab);
    const elsewhere = lab.plan.external.address[4] ?? '';
    await onPeer(lab, ['bridge', 'fdb', 'del', mac, 'dev', device]);
    await onPeer(lab, ['bridge', 'fdb', 'append', mac, 'dev', device, 'dst', elsewhere, 'self', 'permanent']);
  },
  undo: restoreForwarding,
};

export const vxlanDeviceDeleted: Fault = {
  name: 'vxlan-device-deleted',
  title: `a node has no ${device}`,
  inject: async (lab) => {
    await pauseAgent(lab, victim.peer, 'flanneld');
    await onPeer(lab, ['ip', 'link', 'del', device]);
  },
  undo: (lab) => restartAgent(lab, victim.peer, 'flanneld'),
};

export const vxlanDeviceDown: Fault = {
  name: 'vxlan-device-down',
  title: `a node's ${device} is down`,
  inject: async (lab) => {
    await pauseAgent(lab, victim.peer, 'flanneld');
    await onPeer(lab, ['ip', 'link', 'set', device, 'down']);
  },
  undo: async (lab) => {
    await onPeer(lab, ['ip', 'link', 'set', device, 'up']);
    await restartAgent(lab, victim.peer, 'flanneld');
  },
};
