import type { Lab } from '../handle.ts';
import type { Family } from '../options.ts';
import { pauseAgent, restartAgent } from './agents.ts';
import { type Fault, nodePlan, victim, withTunnel } from './fault.ts';

const wrongMac = '02:00:00:00:be:ef';

/** flannel makes one device per family; the faults break the first that the lab has. */
const family = (lab: Lab): Family => lab.plan.families[0] ?? 4;

const device = (lab: Lab): string => ({ 4: 'flannel.1', 6: 'flannel-v6.1' })[family(lab)];

const published = { 4: 'flannel.alpha.coreos.com/backend-data', 6: 'flannel.alpha.coreos.com/backend-v6-data' } as const;

interface Vtep {
  readonly mac: string;
  /** The gateway that the route to the other node's pods names, and the neighbour entry answers for. */
  readonly gateway: string;
  readonly address: string;
}

/** What flanneld on the victim's node has published, and so what its peer should have programmed. */
const remoteVtep = async (lab: Lab): Promise<Vtep> => {
  const annotations = await lab.kubectl(['get', 'node', victim.node, '-o', 'jsonpath={.metadata.annotations}']);
  const data = (JSON.parse(annotations) as Readonly<Record<string, string>>)[published[family(lab)]];
  const { VtepMAC } = JSON.parse(data ?? '{}') as { readonly VtepMAC?: string };
  const { podCidr, address } = nodePlan(lab, victim.node);
  if (!VtepMAC) throw new Error(`${victim.node} has published no VXLAN endpoint`);
  return { mac: VtepMAC, gateway: (podCidr[family(lab)] ?? '').replace(/\/.*/, ''), address: address[family(lab)] ?? '' };
};

const onPeer = async (lab: Lab, argv: readonly string[]): Promise<void> => {
  await lab.nodeExec(victim.peer, argv);
};

const restoreNeighbour = async (lab: Lab): Promise<void> => {
  const { mac, gateway } = await remoteVtep(lab);
  await onPeer(lab, ['ip', 'neighbour', 'replace', gateway, 'lladdr', mac, 'dev', device(lab), 'nud', 'permanent']);
};

/** flanneld writes these when a node comes or changes and never looks again: nothing needs to be held. */
export const vtepNeighbourMissing: Fault = {
  name: 'vtep-neighbour-missing',
  title: `flannel's VXLAN device has no neighbour entry for the other node`,
  appliesTo: withTunnel,
  inject: async (lab) => onPeer(lab, ['ip', 'neighbour', 'del', (await remoteVtep(lab)).gateway, 'dev', device(lab)]),
  undo: restoreNeighbour,
};

export const vtepNeighbourWrong: Fault = {
  name: 'vtep-neighbour-wrong',
  title: `flannel's VXLAN device has a wrong MAC address for the other node`,
  appliesTo: withTunnel,
  inject: async (lab) =>
    onPeer(lab, ['ip', 'neighbour', 'replace', (await remoteVtep(lab)).gateway, 'lladdr', wrongMac, 'dev', device(lab), 'nud', 'permanent']),
  undo: restoreNeighbour,
};

const restoreForwarding = async (lab: Lab): Promise<void> => {
  const { mac, address } = await remoteVtep(lab);
  await lab.nodeExec(victim.peer, ['bridge', 'fdb', 'del', mac, 'dev', device(lab)], { reject: false });
  await onPeer(lab, ['bridge', 'fdb', 'append', mac, 'dev', device(lab), 'dst', address, 'self', 'permanent']);
};

export const fdbMissing: Fault = {
  name: 'fdb-missing',
  title: `flannel's VXLAN device has no forwarding entry for the other node's MAC address`,
  appliesTo: withTunnel,
  inject: async (lab) => onPeer(lab, ['bridge', 'fdb', 'del', (await remoteVtep(lab)).mac, 'dev', device(lab)]),
  undo: restoreForwarding,
};

export const fdbWrong: Fault = {
  name: 'fdb-wrong',
  title: `flannel's VXLAN device sends the other node's MAC address to a host that is not that node`,
  appliesTo: withTunnel,
  inject: async (lab) => {
    const { mac } = await remoteVtep(lab);
    const elsewhere = lab.plan.external.address[family(lab)] ?? '';
    await onPeer(lab, ['bridge', 'fdb', 'del', mac, 'dev', device(lab)]);
    await onPeer(lab, ['bridge', 'fdb', 'append', mac, 'dev', device(lab), 'dst', elsewhere, 'self', 'permanent']);
  },
  undo: restoreForwarding,
};

export const vxlanDeviceDeleted: Fault = {
  name: 'vxlan-device-deleted',
  title: `a node has no VXLAN device`,
  appliesTo: withTunnel,
  inject: async (lab) => {
    await pauseAgent(lab, victim.peer, 'flanneld');
    await onPeer(lab, ['ip', 'link', 'del', device(lab)]);
  },
  undo: (lab) => restartAgent(lab, victim.peer, 'flanneld'),
};

export const vxlanDeviceDown: Fault = {
  name: 'vxlan-device-down',
  title: `a node's VXLAN device is down`,
  appliesTo: withTunnel,
  inject: async (lab) => {
    await pauseAgent(lab, victim.peer, 'flanneld');
    await onPeer(lab, ['ip', 'link', 'set', device(lab), 'down']);
  },
  undo: async (lab) => {
    await onPeer(lab, ['ip', 'link', 'set', device(lab), 'up']);
    await restartAgent(lab, victim.peer, 'flanneld');
  },
};
