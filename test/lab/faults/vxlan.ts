import type { Lab } from '../handle.ts';
import { pauseAgent, restartAgent } from './agents.ts';
import { type Fault, victim, withTunnel } from './fault.ts';
import { takeAway } from './take-away.ts';
import { devices, type Vtep, vteps } from './vtep.ts';

const wrongMac = '02:00:00:00:be:ef';

const onPeer = async (lab: Lab, argv: readonly string[]): Promise<void> => {
  await lab.nodeExec(victim.peer, argv);
};

const eachVtep = async (lab: Lab, work: (vtep: Vtep) => Promise<void>): Promise<void> => {
  for (const vtep of await vteps(lab, victim.node)) await work(vtep);
};

const setNeighbour = (lab: Lab, { gateway, device }: Vtep, mac: string): Promise<void> =>
  onPeer(lab, ['ip', 'neighbour', 'replace', gateway, 'lladdr', mac, 'dev', device, 'nud', 'permanent']);

const restoreNeighbour = (lab: Lab): Promise<void> => eachVtep(lab, (vtep) => setNeighbour(lab, vtep, vtep.mac));

/** flanneld writes these when a node comes or changes and never looks again: nothing needs to be held. */
export const vtepNeighbourMissing: Fault = {
  name: 'vtep-neighbour-missing',
  title: `flannel's VXLAN device has no neighbour entry for the other node`,
  appliesTo: withTunnel,
  inject: (lab) => eachVtep(lab, ({ gateway, device }) => onPeer(lab, ['ip', 'neighbour', 'del', gateway, 'dev', device])),
  undo: restoreNeighbour,
};

export const vtepNeighbourWrong: Fault = {
  name: 'vtep-neighbour-wrong',
  title: `flannel's VXLAN device has a wrong MAC address for the other node`,
  appliesTo: withTunnel,
  inject: (lab) => eachVtep(lab, (vtep) => setNeighbour(lab, vtep, wrongMac)),
  undo: restoreNeighbour,
};

const removeForwarding = (lab: Lab, { mac, device }: Vtep): Promise<void> => takeAway(lab, victim.peer, ['bridge', 'fdb', 'del', mac, 'dev', device]);

const addForwarding = (lab: Lab, { mac, device }: Vtep, address: string): Promise<void> =>
  onPeer(lab, ['bridge', 'fdb', 'append', mac, 'dev', device, 'dst', address, 'self', 'permanent']);

const restoreForwarding = (lab: Lab): Promise<void> =>
  eachVtep(lab, async (vtep) => {
    await removeForwarding(lab, vtep);
    await addForwarding(lab, vtep, vtep.address);
  });

export const fdbMissing: Fault = {
  name: 'fdb-missing',
  title: `flannel's VXLAN device has no forwarding entry for the other node's MAC address`,
  appliesTo: withTunnel,
  inject: (lab) => eachVtep(lab, (vtep) => removeForwarding(lab, vtep)),
  undo: restoreForwarding,
};

export const fdbWrong: Fault = {
  name: 'fdb-wrong',
  title: `flannel's VXLAN device sends the other node's MAC address to a host that is not that node`,
  appliesTo: withTunnel,
  inject: (lab) =>
    eachVtep(lab, async (vtep) => {
      await removeForwarding(lab, vtep);
      await addForwarding(lab, vtep, lab.plan.external.address[vtep.family] ?? '');
    }),
  undo: restoreForwarding,
};

export const vxlanDeviceDeleted: Fault = {
  name: 'vxlan-device-deleted',
  title: `a node has no VXLAN device`,
  appliesTo: withTunnel,
  inject: async (lab) => {
    await pauseAgent(lab, victim.peer, 'flanneld');
    for (const device of devices(lab)) await onPeer(lab, ['ip', 'link', 'del', device]);
  },
  undo: (lab) => restartAgent(lab, victim.peer, 'flanneld'),
};

export const vxlanDeviceDown: Fault = {
  name: 'vxlan-device-down',
  title: `a node's VXLAN device is down`,
  appliesTo: withTunnel,
  inject: async (lab) => {
    await pauseAgent(lab, victim.peer, 'flanneld');
    for (const device of devices(lab)) await onPeer(lab, ['ip', 'link', 'set', device, 'down']);
  },
  undo: async (lab) => {
    for (const device of devices(lab)) await onPeer(lab, ['ip', 'link', 'set', device, 'up']);
    await restartAgent(lab, victim.peer, 'flanneld');
  },
};
