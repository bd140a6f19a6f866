import type { Lab } from '../handle.ts';
import { findPod } from '../pods.ts';
import { xdpObject } from '../xdp-object.ts';
import { arrivals } from './arrivals.ts';
import { type Fault, onBridge, victim, withTunnel } from './fault.ts';
import { takeAway } from './take-away.ts';

type Mode = 'xdpgeneric' | 'xdpdrv';

const file = '/run/lab-xdp.o';

/** ARP and neighbour discovery pass: what fails is the traffic itself. */
const load = async (lab: Lab, devices: readonly string[], mode: Mode): Promise<void> => {
  const { ips } = await findPod(lab, victim.pod);
  await lab.nodeExec(victim.node, ['sh', '-c', 'base64 -d >"$1"', 'sh', file], { input: xdpObject(ips).toString('base64') });
  for (const device of devices) await lab.nodeExec(victim.node, ['ip', 'link', 'set', 'dev', device, mode, 'object', file, 'section', 'xdp']);
};

const unload = async (lab: Lab, devices: readonly string[], mode: Mode): Promise<void> => {
  for (const device of devices) await takeAway(lab, victim.node, ['ip', 'link', 'set', 'dev', device, mode, 'off']);
  await lab.nodeExec(victim.node, ['rm', '-f', file]);
};

export const xdpDrop: Fault = {
  name: 'xdp-drop',
  title: 'an XDP program in generic mode drops what comes in for the pod',
  appliesTo: onBridge,
  inject: async (lab) => load(lab, await arrivals(lab), 'xdpgeneric'),
  undo: async (lab) => unload(lab, await arrivals(lab), 'xdpgeneric'),
};

/** As a filter in a network card's driver: no packet of the kernel comes to be. */
export const xdpDropNative: Fault = {
  name: 'xdp-drop-native',
  title: "an XDP program in the driver of the node's uplink drops tunnel packets for the pod",
  appliesTo: withTunnel,
  inject: async (lab) => load(lab, ['eth0'], 'xdpdrv'),
  undo: async (lab) => unload(lab, ['eth0'], 'xdpdrv'),
};
