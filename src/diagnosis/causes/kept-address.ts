import type { Cause } from '../cause.ts';
import { draftOf } from '../draft.ts';
import { packetEnd } from '../end.ts';
import { onNode } from '../remedy.ts';

export const keptAddress: Cause = {
  code: 'ND3017',
  summary: "A node on the way holds a pod's address itself and keeps the packets for it.",
  implies: ['ND4001', 'ND4002'],
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'kept');
    if (!end) return undefined;
    const { address = '', interface: name = '', node = '' } = end.stop.facts;
    return draftOf(evidence, end, {
      title: `${node} holds ${address} itself (on ${name}) and keeps the ${end.direction === 'there' ? 'packets' : 'replies'} for it.`,
      evidence: [end.stop.message],
      fix: [
        `Take the address away from ${node}, if it is the pod that owns it:`,
        onNode(node, `ip address del ${address}/${address.includes(':') ? 128 : 32} dev ${name}`),
      ],
      place: { node, interface: name },
    });
  },
};
