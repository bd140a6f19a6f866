import type { Lab } from '../handle.ts';
import { findPod } from '../pods.ts';
import { xdpObject } from '../xdp-object.ts';
import { arrivals } from './arrivals.ts';
import { type Fault, onBridge, victim, withTunnel } from './fault.ts';
import { takeAway } from './take-away.ts';

type Mode = 'xdpgeneric' | 'xdpdrv';

const file = '/run/lab-xdp.o';

const put = (lab: Lab, addresses: readonly string[]) =>
  lab.nodeExec(victim.node, ['sh', '-c', 'base64 -d >"$1"', 'sh', file], { input: xdpObject(addresses).toString('base64') });

const on = (device: string, mode: Mode): readonly string[] => ['ip', 'link', 'set', 'dev', device, mode, 'object', file, 'section', 'xdp'];

const off = (device: string, mode: Mode): readonly string[] => ['ip', 'link', 'set', 'dev', device, mode, 'off'];

/** A kernel may refuse BPF to whoever asks (lockdown, a sandbox), and an ip without libbpf loads nothing. */
const refusal = async (lab: Lab): Promise<string | undefined> => {
  await put(lab, ['192.0.2.1']);
  const { exitCode, stderr } = await lab.nodeExec(victim.node, on('lo', 'xdpgeneric'), { reject: false });
  await lab.nodeExec(victim.node, off('lo', 'xdpgeneric'), { reject: false });
  return exitCode === 0 ? undefined : `no XDP program can be loaded here: ${stderr.split('\n')[0]}`;
};

/** ARP and neighbour discovery pass: what fails is the traffic itself. */
const load = async (lab: Lab, devices: readonly string[], mode: Mode): Promise<void> => {
  await put(lab, (await findPod(lab, victim.pod)).ips);
  for (const device of devices) await lab.nodeExec(victim.node, on(device, mode));
};

const unload = async (lab: Lab, devices: readonly string[], mode: Mode): Promise<void> => {
  for (const device of devices) await takeAway(lab, victim.node, off(device, mode));
  await lab.nodeExec(victim.node, ['rm', '-f', file]);
};

export const xdpDrop: Fault = {
  name: 'xdp-drop',
  title: 'an XDP program in generic mode drops what comes in for the pod',
  appliesTo: onBridge,
  refusal,
  inject: async (lab) => load(lab, await arrivals(lab), 'xdpgeneric'),
  undo: async (lab) => unload(lab, await arrivals(lab), 'xdpgeneric'),
};

/** As a filter in a network card's driver: no packet of the kernel comes to be. */
export const xdpDropNative: Fault = {
  name: 'xdp-drop-native',
  title: "an XDP program in the driver of the node's uplink drops tunnel packets for the pod",
  appliesTo: withTunnel,
  refusal,
  inject: async (lab) => load(lab, ['eth0'], 'xdpdrv'),
  undo: async (lab) => unload(lab, ['eth0'], 'xdpdrv'),
};
