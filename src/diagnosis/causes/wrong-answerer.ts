import { placeAt } from '../../forwarding/world.ts';
import { type Answer, answersTo, byBridgePort } from '../answers.ts';
import type { Cause } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { type Evidence, endPods, legOf, mainProbe, netnsOfPod } from '../evidence.ts';
import { onNode } from '../remedy.ts';

/** MACs that the pods at the ends answer with. */
const ownMacs = (evidence: Evidence): Set<string> =>
  new Set(endPods(evidence).flatMap((pod) => netnsOfPod(evidence, pod)?.netns.links.flatMap(({ mac }) => mac ?? []) ?? []));

/** An answer from a bridge port of the target's node, by a MAC that no pod of the question has. */
const strange = (evidence: Evidence): Answer | undefined => {
  const main = mainProbe(evidence);
  const end = main && legOf(evidence, main).there?.end;
  if (!main || !end) return undefined;
  const own = ownMacs(evidence);
  return answersTo(main, evidence.taps, evidence).find((answer) => {
    const place = placeAt(evidence, answer.node, answer.netns);
    return (
      answer.what !== 'icmp-error' &&
      answer.node === end.node &&
      answer.mac !== undefined &&
      !own.has(answer.mac) &&
      place !== undefined &&
      byBridgePort(place, answer)
    );
  });
};

export const wrongAnswerer: Cause = {
  code: 'ND1102',
  summary: 'Somebody else on the bridge answers for the address, with another MAC than that of its pod.',
  recognise: (evidence) => {
    const main = mainProbe(evidence);
    const found = strange(evidence);
    if (!main || !found) return undefined;
    const { node, interface: name, mac = '', attempts, what, owner } = found;
    return {
      severity: 'problem',
      confidence: 'certain',
      title: `${mac} on port ${name} of ${node} answers for ${main.request.destination}, which is not its address.`,
      place: { node, interface: name },
      evidence: [
        probeWords(legOf(evidence, main)),
        `${attempts} ${what === 'reset' ? 'resets' : 'replies'} came in by ${name} from ${mac}${owner === undefined ? '' : ` (${owner})`}`,
        `the pods of the question have ${[...ownMacs(evidence)].join(', ')}`,
      ],
      fix: [`Find what hangs on ${name} and take the address away from it:`, onNode(node, `ip -d link show ${name}`)],
      notes: [],
    };
  },
};
