import type { Lab } from '../handle.ts';
import { findPod, inNetns } from '../pods.ts';
import { type Fault, nodePlan, onBridge, victim, withTunnel } from './fault.ts';
import { tunnelDevice } from './vtep.ts';

const loop = async (lab: Lab, change: (address: string) => readonly string[], options: { readonly reject?: boolean } = {}): Promise<void> => {
  for (const address of (await findPod(lab, victim.pod)).ips) await lab.nodeExec(victim.node, ['ip', 'route', ...change(address)], options);
};

const hostRoute = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`;

/** The client's node sends to the pod's node, and that one back: until the time to live is over. */
export const routingLoop: Fault = {
  name: 'routing-loop',
  title: 'two nodes route the pod to each other',
  appliesTo: withTunnel,
  inject: (lab) =>
    loop(lab, (address) => {
      const family = address.includes(':') ? 6 : 4;
      const gateway = (nodePlan(lab, victim.peer).podCidr[family] ?? '').replace(/\/.*/, '');
      return ['add', hostRoute(address), 'via', gateway, 'dev', tunnelDevice[family], 'onlink'];
    }),
  undo: (lab) => loop(lab, (address) => ['del', hostRoute(address)], { reject: false }),
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
