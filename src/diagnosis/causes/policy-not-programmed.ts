import type { PodFacts } from '../../cluster/facts.ts';
import { sameAddress } from '../../forwarding/address.ts';
import { calicoUnknownInterface } from '../../policy/programmed/calico.ts';
import { calicoInterface } from '../../policy/programmed/calico-names.ts';
import type { Side } from '../../policy/verdict.ts';
import type { Cause } from '../cause.ts';
import { onShownPath, probeWords } from '../draft.ts';
import { type PacketEnd, packetEnd } from '../end.ts';
import { type Evidence, podNamed, podsOf, snapshotOf } from '../evidence.ts';
import { DROPS_ALLOWED, FOLLOWS, NOT_PROGRAMMED, POLICY_DENIES } from '../policy/codes.ts';
import { countedWords, hasCounted } from '../policy/place.ts';
import { hostInterfaceOf } from '../policy/view.ts';
import { restartAgent } from '../remedy.ts';

/** The pod that a packet came from or goes to where it was dropped. */
const forgottenPod = (evidence: Evidence, { leg, hop }: PacketEnd, direction: Side['direction']): PodFacts | undefined => {
  const { source, destination } = hop.packet;
  return podsOf(evidence, leg).find(({ ips }) => ips.some((ip) => sameAddress(ip, direction === 'ingress' ? destination : source)));
};

export const notProgrammed: Cause = {
  ...NOT_PROGRAMMED,
  implies: [...FOLLOWS, DROPS_ALLOWED.code, POLICY_DENIES.code],
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'rule', 'reject');
    const { chain = '' } = end?.stop.facts ?? {};
    if (!end || !/^(filter-)?cali-(to|from)-wl-dispatch/.test(chain)) return undefined;
    const direction = chain.includes('-to-') ? 'ingress' : 'egress';
    const snapshot = snapshotOf(evidence, end.hop.node);
    const before = evidence.before?.find(({ node }) => node === end.hop.node);
    const family = end.hop.packet.destination.includes(':') ? 6 : 4;
    const rule = snapshot && calicoUnknownInterface(snapshot, before, direction, family);
    if (!rule) return undefined;
    const pod = forgottenPod(evidence, end, direction);
    const name = pod ? (hostInterfaceOf(evidence, pod) ?? calicoInterface(pod.namespace, pod.name)) : end.hop.interface;
    const whose = pod ? `${name}, the interface of ${podNamed(pod)},` : "a pod's interface";
    return {
      severity: 'problem',
      confidence: hasCounted(rule) ? 'certain' : 'likely',
      title: `Calico on ${rule.node} has no rules for ${whose} and drops all that comes from it or goes to it.`,
      ...onShownPath(end),
      place: { node: rule.node, ...(name === '' ? {} : { interface: name }) },
      evidence: [
        probeWords(end.leg),
        `${rule.place}: "${rule.text}"${countedWords(end, rule)
          .map((words) => `; ${words}`)
          .join('')}`,
      ],
      fix: restartAgent(evidence.facts, 'calico', rule.node),
      notes: ['A pod that has just started may be a second ahead of its rules: if it goes away, it was that.'],
    };
  },
};
