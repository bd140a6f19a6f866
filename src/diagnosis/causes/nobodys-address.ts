import { inPrefix, sameAddress } from '../../forwarding/address.ts';
import { answered } from '../../probe/probe.ts';
import type { Cause } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { failingLegs } from '../evidence.ts';

export const nobodysAddress: Cause = {
  code: 'ND4008',
  summary: 'The address lies in the range of pods, and no pod has it.',
  implies: ['ND1007'],
  recognise: (evidence) => {
    const [leg] = failingLegs(evidence);
    const { to, facts } = evidence;
    if (!leg || to.kind !== 'external' || answered(leg.probe) > 0) return undefined;
    const { destination } = leg.probe.request;
    const node = facts.nodes.find(({ podCidrs }) => podCidrs.some((cidr) => inPrefix(cidr, destination)));
    if (!node || facts.pods.some(({ ips }) => ips.some((ip) => sameAddress(ip, destination)))) return undefined;
    return {
      severity: 'problem',
      confidence: 'likely',
      title: `No pod has the address ${destination}, which lies in the pod range of node ${node.name}.`,
      evidence: [probeWords(leg), `pod range of ${node.name}: ${node.podCidrs.join(', ')}`],
      fix: [
        'Whoever asks for it remembers a pod that is gone: use the name of a Service instead, or restart what keeps the old address.',
        '$ kubectl get pods -A -o wide',
      ],
      notes: [],
    };
  },
};
