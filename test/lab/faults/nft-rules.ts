import type { Lab } from '../handle.ts';
import { findPod, inNetns } from '../pods.ts';
import { arrivals, flows } from './arrivals.ts';
import { type Fault, onBridge, victim } from './fault.ts';
import { takeAway } from './take-away.ts';

const table = 'lab_forbidden';

const families = ['inet', 'netdev', 'bridge'] as const;

/** One rule per client and address family, in the words of nft(8). */
const rules = async (lab: Lab, verdict: string): Promise<string> =>
  (await flows(lab))
    .map(({ source, destination }) => {
      const ip = destination.includes(':') ? 'ip6' : 'ip';
      return `    ${ip} saddr ${source} ${ip} daddr ${destination} ${verdict}\n`;
    })
    .join('');

const chain = (name: string, hook: string, body: string): string => `  chain ${name} {\n    type filter hook ${hook};\n${body}  }\n`;

const load = async (lab: Lab, family: (typeof families)[number], chains: readonly string[]): Promise<void> => {
  await lab.nodeExec(victim.node, ['nft', '-f', '-'], { input: `table ${family} ${table} {\n${chains.join('')}}\n` });
};

const undo = async (lab: Lab): Promise<void> => {
  for (const family of families) await takeAway(lab, victim.node, ['nft', 'delete', 'table', family, table]);
};

/** Native nftables: a table of its own that iptables does not show. */
const forwardRule = (name: string, title: string, verdict: string): Fault => ({
  name,
  title,
  appliesTo: onBridge,
  inject: async (lab) => load(lab, 'inet', [chain('guard', 'forward priority filter', await rules(lab, verdict))]),
  undo,
});

export const nftForwardDrop = forwardRule('nft-forward-drop', 'an nftables rule that counts drops what goes to the pod', 'counter drop');

export const nftForwardDropUncounted = forwardRule(
  'nft-forward-drop-uncounted',
  'an nftables rule without a counter drops what goes to the pod',
  'drop',
);

export const nftForwardReject = forwardRule('nft-forward-reject', 'an nftables rule rejects what goes to the pod', 'counter reject');

export const randomDrop = forwardRule('random-drop', 'one packet in ten to the pod is dropped', 'numgen random mod 10 == 0 counter drop');

export const nftIngressDrop: Fault = {
  name: 'nft-ingress-drop',
  title: 'an nftables rule drops what goes to the pod as it comes in, before any routing',
  appliesTo: onBridge,
  inject: async (lab) => {
    const devices = await arrivals(lab);
    const body = await rules(lab, 'counter drop');
    await load(
      lab,
      'netdev',
      devices.map((device, index) => chain(`guard${index}`, `ingress device "${device}" priority 0`, body)),
    );
  },
  undo,
};

export const bridgeRuleDrop: Fault = {
  name: 'bridge-rule-drop',
  title: "an nftables rule of the pods' bridge drops what goes to the pod",
  appliesTo: onBridge,
  inject: async (lab) => {
    const body = await rules(lab, 'counter drop');
    await load(lab, 'bridge', [chain('forwarded', 'forward priority filter', body), chain('sent', 'output priority filter', body)]);
  },
  undo,
};

/** As a sidecar or a hardened image does it: the rule is the pod's own, and no node shows it. */
export const podInputDrop: Fault = {
  name: 'pod-input-drop',
  title: "a rule in the pod's own network namespace drops what comes in",
  appliesTo: onBridge,
  inject: async (lab) => {
    const pod = await findPod(lab, victim.pod);
    const body = chain('guard', 'input priority filter', await rules(lab, 'counter drop'));
    await lab.nodeExec(pod.node, [...inNetns(pod.netns), 'nft', '-f', '-'], { input: `table inet ${table} {\n${body}}\n` });
  },
  undo: async (lab) => {
    const pod = await findPod(lab, victim.pod);
    await takeAway(lab, pod.node, [...inNetns(pod.netns), 'nft', 'delete', 'table', 'inet', table]);
  },
};
