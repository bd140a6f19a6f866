import type { Lab } from '../handle.ts';
import { findPod, inNetns } from '../pods.ts';
import { type Fault, nodePlan, onBridge, podGateway, victim } from './fault.ts';

const bridge = 'cni0';

const gateways = (lab: Lab): readonly string[] => lab.plan.families.map((family) => podGateway(nodePlan(lab, victim.node), family));

const familyOf = (address: string): string => (address.includes(':') ? '-6' : '-4');

/** Setting a link down takes its default route and its IPv6 addresses along; setting it up does not bring them back. */
const restorePodAddresses = async (lab: Lab): Promise<void> => {
  const pod = await findPod(lab, victim.pod);
  const ip = (argv: readonly string[]) => lab.nodeExec(pod.node, [...inNetns(pod.netns), 'ip', ...argv]);
  await ip(['link', 'set', 'eth0', 'up']);
  for (const address of pod.ips)
    await ip(['address', 'replace', `${address}/${address.includes(':') ? 64 : 24}`, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : [])]);
  for (const gateway of gateways(lab)) await ip([familyOf(gateway), 'route', 'replace', 'default', 'via', gateway]);
};

export const podVethDown: Fault = {
  name: 'pod-veth-down',
  title: "the pod's eth0 is down",
  appliesTo: onBridge,
  inject: async (lab) => {
    const pod = await findPod(lab, victim.pod);
    await lab.nodeExec(pod.node, [...inNetns(pod.netns), 'ip', 'link', 'set', 'eth0', 'down']);
  },
  undo: restorePodAddresses,
};

const hostEnd = async (lab: Lab, setting: readonly string[]): Promise<void> => {
  const pod = await findPod(lab, victim.pod);
  await lab.nodeExec(pod.node, ['ip', 'link', 'set', pod.hostInterface, ...setting]);
};

export const hostVethDown: Fault = {
  name: 'host-veth-down',
  title: "the node's end of the pod's link is down",
  appliesTo: onBridge,
  inject: (lab) => hostEnd(lab, ['down']),
  undo: (lab) => hostEnd(lab, ['up']),
};

export const vethOffBridge: Fault = {
  name: 'veth-off-bridge',
  title: "the node's end of the pod's link is no port of the bridge",
  appliesTo: onBridge,
  inject: (lab) => hostEnd(lab, ['nomaster']),
  undo: async (lab) => {
    await hostEnd(lab, ['master', bridge]);
    const pod = await findPod(lab, victim.pod);
    await lab.nodeExec(pod.node, ['bridge', 'link', 'set', 'dev', pod.hostInterface, 'hairpin', 'on']);
  },
};

export const bridgeDown: Fault = {
  name: 'bridge-down',
  title: "the node's pod bridge is down",
  appliesTo: onBridge,
  inject: async (lab) => {
    await lab.nodeExec(victim.node, ['ip', 'link', 'set', bridge, 'down']);
  },
  undo: async (lab) => {
    await lab.nodeExec(victim.node, ['ip', 'link', 'set', bridge, 'up']);
    for (const gateway of gateways(lab))
      await lab.nodeExec(victim.node, [
        'ip',
        'address',
        'replace',
        `${gateway}/${gateway.includes(':') ? 64 : 24}`,
        'dev',
        bridge,
        ...(gateway.includes(':') ? ['nodad'] : []),
      ]);
  },
};
