import type { Lab } from '../handle.ts';
import { findPod } from '../pods.ts';
import { type Fault, nodePlan, onBridge, victim, withTunnel } from './fault.ts';
import { takeAway } from './take-away.ts';
import { tunnelDevice } from './vtep.ts';

const onNode = async (lab: Lab, argv: readonly string[]): Promise<void> => {
  await lab.nodeExec(victim.node, argv);
};

const rpFilter = (value: 0 | 1): readonly string[] => ['sysctl', '-q', '-w', `net.ipv4.conf.${tunnelDevice[4].replace('.', '/')}.rp_filter=${value}`];

/** The way there is the tunnel, the way back the plain network: asymmetric, which strict reverse-path filtering does not bear. IPv6 has no such switch. */
export const reversePathFilter: Fault = {
  name: 'rp-filter',
  title: "a node's rp_filter drops packets whose way back is another one",
  appliesTo: (options) => withTunnel(options) && options.ip !== '6',
  inject: async (lab) => {
    const { podCidr, address } = nodePlan(lab, victim.peer);
    await onNode(lab, ['ip', 'route', 'replace', podCidr[4] ?? '', 'via', address[4] ?? '']);
    await onNode(lab, rpFilter(1));
  },
  undo: async (lab) => {
    const { podCidr } = nodePlan(lab, victim.peer);
    await onNode(lab, rpFilter(0));
    await onNode(lab, ['ip', 'route', 'replace', podCidr[4] ?? '', 'via', (podCidr[4] ?? '').replace(/\/.*/, ''), 'dev', tunnelDevice[4], 'onlink']);
  },
};

const clientAddresses = async (lab: Lab): Promise<readonly string[]> => (await findPod(lab, `client-${victim.peer}`)).ips;

/** As an address that outlived its pod does, or one that was given out twice. */
export const sourceIsLocal: Fault = {
  name: 'source-is-local',
  title: "the pod's node holds the client's address itself",
  appliesTo: onBridge,
  inject: async (lab) => {
    for (const ip of await clientAddresses(lab)) await onNode(lab, ['ip', 'address', 'add', ip, 'dev', 'lo']);
  },
  undo: async (lab) => {
    for (const ip of await clientAddresses(lab))
      await takeAway(lab, victim.node, ['ip', 'address', 'del', `${ip}/${ip.includes(':') ? 128 : 32}`, 'dev', 'lo']);
  },
};
