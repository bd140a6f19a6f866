import { masquerade } from '../addons/bridge-cni.ts';
import type { Lab } from '../handle.ts';
import { findPod } from '../pods.ts';
import { pauseAgent, restartAgent } from './agents.ts';
import { flows } from './arrivals.ts';
import { type Fault, nodePlan, onBridge, victim, withFlannel } from './fault.ts';
import { changeRule, takeAway } from './take-away.ts';

const tables = (lab: Lab): readonly string[] => lab.plan.families.map((family) => (family === 4 ? 'iptables' : 'ip6tables'));

type Backend = 'nft' | 'legacy';

const programOf = (address: string, backend: Backend): string => `${address.includes(':') ? 'ip6tables' : 'iptables'}-${backend}`;

export const forwardingOff: Fault = {
  name: 'ip-forward-off',
  title: 'a node does not forward packets',
  appliesTo: onBridge,
  inject: (lab) => forwarding(lab, 0),
  undo: (lab) => forwarding(lab, 1),
};

const forwarding = async (lab: Lab, on: 0 | 1): Promise<void> => {
  await lab.nodeExec(victim.node, ['sysctl', '-q', '-w', `net.ipv4.ip_forward=${on}`, `net.ipv6.conf.all.forwarding=${on}`]);
};

/** flanneld accepts all pod addresses and puts its rules back every 5 seconds, so a dropping policy alone harms nobody. */
export const forwardPolicyDrop: Fault = {
  name: 'forward-policy-drop',
  title: "a node's FORWARD policy is DROP and flannel's ACCEPT rules are gone",
  appliesTo: onBridge,
  inject: async (lab) => {
    await pauseAgent(lab, victim.node, 'flanneld');
    for (const iptables of tables(lab)) {
      await lab.nodeExec(victim.node, [iptables, '-w', '-P', 'FORWARD', 'DROP']);
      await takeAway(lab, victim.node, [iptables, '-w', '-F', 'FLANNEL-FWD']);
    }
  },
  undo: async (lab) => {
    for (const iptables of tables(lab)) await lab.nodeExec(victim.node, [iptables, '-w', '-P', 'FORWARD', 'ACCEPT']);
    if (withFlannel(lab.plan.options)) await restartAgent(lab, victim.node, 'flanneld');
  },
};

/** One rule per client and address family: its counter then is that client's alone. */
const forwardRules = async (lab: Lab, action: '-I' | '-D', { target, backend }: { target: readonly string[]; backend: Backend }): Promise<void> => {
  for (const { source, destination } of await flows(lab)) {
    const rule = ['FORWARD', '-s', source, '-d', destination, '-m', 'comment', '--comment', 'forbidden by hand', '-j', ...target];
    await changeRule(lab, victim.node, [programOf(destination, backend), '-w', action, ...rule]);
  }
};

const forwardRule = (name: string, title: string, what: { target: readonly string[]; backend: Backend }): Fault => ({
  name,
  title,
  appliesTo: onBridge,
  inject: (lab) => forwardRules(lab, '-I', what),
  undo: (lab) => forwardRules(lab, '-D', what),
});

export const forwardRuleDrop = forwardRule('forward-rule-drop', 'a rule in FORWARD drops what goes to the pod', { target: ['DROP'], backend: 'nft' });

export const forwardRuleReject = forwardRule('forward-rule-reject', 'a rule in FORWARD rejects what goes to the pod', {
  target: ['REJECT'],
  backend: 'nft',
});

/** As the agent of a policy engine leaves it behind when it dies: the rule still waits for its verdict. */
export const queueUnread = forwardRule('queue-unread', 'a rule in FORWARD hands what goes to the pod to a queue that no program reads', {
  target: ['NFQUEUE', '--queue-num', '100'],
  backend: 'nft',
});

/** iptables-nft does not show it, and `iptables` is iptables-nft on most distributions. */
export const legacyRuleDrop = forwardRule('legacy-rule-drop', 'a rule in FORWARD of iptables-legacy drops what goes to the pod', {
  target: ['DROP'],
  backend: 'legacy',
});

export const legacyRuleReject = forwardRule('legacy-rule-reject', 'a rule in FORWARD of iptables-legacy rejects what goes to the pod', {
  target: ['REJECT'],
  backend: 'legacy',
});

const replies = async (lab: Lab, action: '-I' | '-D'): Promise<void> => {
  for (const address of (await findPod(lab, victim.pod)).ips) {
    const rule = ['FORWARD', '-s', address, '-m', 'comment', '--comment', 'forbidden by hand', '-j', 'DROP'];
    await changeRule(lab, victim.peer, [programOf(address, 'nft'), '-w', action, ...rule]);
  }
};

/** The request arrives; what is lost is the reply, on the node that asked. */
export const replyRuleDrop: Fault = {
  name: 'reply-rule-drop',
  title: "a rule in FORWARD of the client's node drops what the pod replies",
  appliesTo: onBridge,
  inject: (lab) => replies(lab, '-I'),
  undo: (lab) => replies(lab, '-D'),
};

const masqueradeAtBridge = async (lab: Lab, action: '-A' | '-D'): Promise<void> => {
  for (const rule of masquerade(lab.plan, nodePlan(lab, victim.node), action)) await changeRule(lab, victim.node, rule);
};

/** Pods then leave the cluster with their own address, and no answer finds the way back. */
export const masqueradeMissing: Fault = {
  name: 'masquerade-missing',
  title: "a node does not masquerade its pods' traffic to the outside",
  appliesTo: onBridge,
  inject: async (lab) => {
    if (!withFlannel(lab.plan.options)) return masqueradeAtBridge(lab, '-D');
    await pauseAgent(lab, victim.node, 'flanneld');
    for (const iptables of tables(lab)) await lab.nodeExec(victim.node, [iptables, '-w', '-t', 'nat', '-F', 'FLANNEL-POSTRTG']);
  },
  undo: async (lab) => {
    if (withFlannel(lab.plan.options)) return restartAgent(lab, victim.node, 'flanneld');
    await masqueradeAtBridge(lab, '-D');
    await masqueradeAtBridge(lab, '-A');
  },
};
