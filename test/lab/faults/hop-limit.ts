import type { Lab } from '../handle.ts';
import { findPod, inNetns } from '../pods.ts';
import { type Fault, nodePlan, onBridge, victim, withTunnel } from './fault.ts';
import { takeAway } from './take-away.ts';
import { tunnelDevice } from './vtep.ts';

const hostRoute = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`;

/** The client's node sends to the pod's node, and that one back: until the time to live is over. */
export const routingLoop: Fault = {
  name: 'routing-loop',
  title: 'two nodes route the pod to each other',
  appliesTo: withTunnel,
  inject: async (lab) => {
    for (const address of (await findPod(lab, victim.pod)).ips) {
      const family = address.includes(':') ? 6 : 4;
      const gateway = (nodePlan(lab, victim.peer).podCidr[family] ?? '').replace(/\/.*/, '');
      await lab.nodeExec(victim.node, ['ip', 'route', 'add', hostRoute(address), 'via', gateway, 'dev', tunnelDevice[family], 'onlink']);
    }
  },
  undo: async (lab) => {
    for (const address of (await findPod(lab, victim.pod)).ips) await takeAway(lab, victim.node, ['ip', 'route', 'del', hostRoute(address)]);
  },
};

const hopLimit = async (lab: Lab, hops: number): Promise<void> => {
  const { node, netns } = await findPod(lab, `client-${victim.peer}`);
  await lab.nodeExec(node, [...inNetns(netns), 'sysctl', '-q', '-w', `net.ipv4.ip_default_ttl=${hops}`, `net.ipv6.conf.eth0.hop_limit=${hops}`]);
};

/** Two routers are between the pods; the second one finds the time to live used up. */
export const hopLimitSmall: Fault = {
  name: 'hop-limit-small',
  title: "the client's packets start with too small a time to live",
  appliesTo: onBridge,
  inject: (lab) => hopLimit(lab, 2),
  undo: (lab) => hopLimit(lab, 64),
};
