import type { Lab } from '../handle.ts';
import { findPod, inNetns, type PodLink } from '../pods.ts';
import { neighbour } from './arrivals.ts';
import { type Fault, onBridge, victim } from './fault.ts';
import { takeAway } from './take-away.ts';

const wrongMac = '02:00:00:00:be:ef';

/** Who keeps a neighbour entry for the victim: its node for what comes from afar, and its neighbour on the bridge. */
const askers = async (lab: Lab): Promise<readonly { readonly words: readonly string[]; readonly device: string }[]> => [
  { words: [], device: 'cni0' },
  { words: inNetns((await findPod(lab, neighbour)).netns), device: 'eth0' },
];

const forget = async (lab: Lab, { ips }: PodLink): Promise<void> => {
  for (const { words, device } of await askers(lab))
    for (const ip of ips) await takeAway(lab, victim.node, [...words, 'ip', 'neighbour', 'del', ip, 'dev', device]);
};

const answers = async (lab: Lab, arp: 'on' | 'off'): Promise<void> => {
  const pod = await findPod(lab, victim.pod);
  await lab.nodeExec(pod.node, [...inNetns(pod.netns), 'ip', 'link', 'set', 'eth0', 'arp', arp]);
  await forget(lab, pod);
};

export const neighbourSilent: Fault = {
  name: 'neighbour-silent',
  title: 'the pod answers neither ARP nor neighbour discovery',
  appliesTo: onBridge,
  inject: (lab) => answers(lab, 'off'),
  undo: (lab) => answers(lab, 'on'),
};

/** The bridge knows no port for that MAC and floods; every pod gets the frames, and none takes them. */
export const podMacWrong: Fault = {
  name: 'pod-mac-wrong',
  title: "the neighbour entries for the pod name another MAC than the pod's",
  appliesTo: onBridge,
  inject: async (lab) => {
    const { ips } = await findPod(lab, victim.pod);
    for (const { words, device } of await askers(lab))
      for (const ip of ips)
        await lab.nodeExec(victim.node, [...words, 'ip', 'neighbour', 'replace', ip, 'lladdr', wrongMac, 'dev', device, 'nud', 'permanent']);
  },
  undo: async (lab) => forget(lab, await findPod(lab, victim.pod)),
};
