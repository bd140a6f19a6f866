import type { Lab } from '../handle.ts';
import type { Family } from '../options.ts';
import { findPod, inNetns } from '../pods.ts';
import { type Fault, onBridge, victim, withTunnel } from './fault.ts';
import { changeRule } from './take-away.ts';
import { tunnelDevice } from './vtep.ts';

/** IPv6 takes no less than 1280. */
const NARROW = '1300';

const setMtu = async (lab: Lab, mtuOf: (family: Family) => number | string): Promise<void> => {
  for (const family of lab.plan.families) await lab.nodeExec(victim.peer, ['ip', 'link', 'set', tunnelDevice[family], 'mtu', `${mtuOf(family)}`]);
};

const mtuOn = async (lab: Lab, node: string, device: string): Promise<number> =>
  Number((await lab.nodeExec(node, ['cat', `/sys/class/net/${device}/mtu`])).stdout);

/** Outer addresses, UDP, VXLAN and the inner Ethernet header. */
const HEADERS = { 4: 50, 6: 70 } as const;

const restoreMtu = async (lab: Lab): Promise<void> => {
  const uplink = await mtuOn(lab, victim.peer, 'eth0');
  await setMtu(lab, (family) => uplink - HEADERS[family]);
};

/** What the ends have learnt of the way's MTU outlives its cause by ten minutes (net.ipv4.route.mtu_expires). */
const forgetPathMtu = async (lab: Lab): Promise<void> => {
  for (const name of [`client-${victim.peer}`, victim.pod]) {
    const { node, netns } = await findPod(lab, name);
    for (const family of lab.plan.families) await lab.nodeExec(node, [...inNetns(netns), 'ip', `-${family}`, 'route', 'flush', 'cache']);
  }
};

/** The node tells the sender, who sends smaller packets from then on. */
export const narrowTunnel: Fault = {
  name: 'narrow-tunnel',
  title: "a node's tunnel takes smaller packets than the pods send, and the node says so",
  appliesTo: withTunnel,
  inject: (lab) => setMtu(lab, () => NARROW),
  undo: async (lab) => {
    await restoreMtu(lab);
    await forgetPathMtu(lab);
  },
};

const errors = {
  4: ['iptables', '-p', 'icmp', '--icmp-type', 'fragmentation-needed'],
  6: ['ip6tables', '-p', 'icmpv6', '--icmpv6-type', 'packet-too-big'],
} as const;

const muzzle = async (lab: Lab, action: '-I' | '-D'): Promise<void> => {
  for (const family of lab.plan.families) {
    const [program, ...match] = errors[family];
    await changeRule(lab, victim.peer, [program, '-w', action, 'OUTPUT', ...match, '-j', 'DROP']);
  }
};

/** A path-MTU black hole: small packets pass, full ones vanish, and nobody tells the sender. */
export const mtuBlackHole: Fault = {
  name: 'mtu-black-hole',
  title: "a node's tunnel takes smaller packets than the pods send, and the error that says so is dropped",
  appliesTo: withTunnel,
  inject: async (lab) => {
    await setMtu(lab, () => NARROW);
    await muzzle(lab, '-I');
    await forgetPathMtu(lab);
  },
  undo: async (lab) => {
    await restoreMtu(lab);
    await muzzle(lab, '-D');
  },
};

const podSide = async (lab: Lab, mtu: string): Promise<void> => {
  const pod = await findPod(lab, victim.pod);
  await lab.nodeExec(pod.node, [...inNetns(pod.netns), 'ip', 'link', 'set', 'eth0', 'mtu', mtu]);
};

/** A veth pair of two MTUs: the smaller end drops what the larger one sends, without a word. */
export const podMtuSmaller: Fault = {
  name: 'pod-mtu-smaller',
  title: "the pod's eth0 has a smaller MTU than the node's end of its link",
  appliesTo: onBridge,
  inject: async (lab) => {
    await podSide(lab, NARROW);
    await forgetPathMtu(lab);
  },
  undo: async (lab) => {
    const pod = await findPod(lab, victim.pod);
    await podSide(lab, `${await mtuOn(lab, pod.node, pod.hostInterface)}`);
  },
};
