import { answered } from '../../probe/probe.ts';
import type { Cause } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { checkWords, type Evidence, failingLegs, type Leg } from '../evidence.ts';
import { seenAt } from '../sightings.ts';

/** The last place a capture saw the probe, and the next watched one that did not. */
const frame = (evidence: Evidence, leg: Leg): string[] => {
  for (const direction of ['there', 'back'] as const) {
    const seen = (leg[direction]?.hops ?? []).flatMap((hop) => {
      const count = seenAt(evidence, leg, direction, hop);
      return count === undefined ? [] : [{ hop, count }];
    });
    const last = seen.findLastIndex(({ count }) => count > 0);
    const [at, next] = [seen[last], seen[last + 1]];
    const what = direction === 'there' ? 'the request' : 'the reply';
    if (at && next)
      return [
        `${what} was last seen on ${at.hop.node} ${at.hop.interface} (${at.hop.where}) and not on ${next.hop.node} ${next.hop.interface} (${next.hop.where})`,
      ];
  }
  return [];
};

const doubts = (leg: Leg): string[] =>
  [leg.there, leg.back]
    .flatMap((walk) => walk?.hops ?? [])
    .flatMap(({ node, interface: name, unsure }) => (unsure === undefined ? [] : [`${node} ${name}: ${unsure}`]));

export const lost: Cause = {
  code: 'ND0001',
  summary: 'The probe is lost or fails, and no known cause explains it.',
  recognise: (evidence) => {
    const [leg] = failingLegs(evidence);
    if (!leg) return undefined;
    const { probe } = leg;
    const { fromLabel, toLabel } = probe.request;
    const some = answered(probe) > 0;
    return {
      severity: 'problem',
      confidence: 'possible',
      title: `${some ? `Only ${answered(probe)} of ${probe.attempts.length} probes from` : 'Probes from'} ${fromLabel} to ${toLabel} ${some ? 'are answered' : 'fail'}; no known cause explains it.`,
      evidence: [
        probeWords(leg),
        ...frame(evidence, leg),
        ...checkWords(
          evidence,
          'main-icmp',
          'pod-to-own-node',
          'pod-to-far-node',
          'own-node-to-pod',
          'far-node-to-pod',
          'node-to-node',
          'pod-to-endpoint',
        ),
        ...doubts(leg).slice(0, 5),
      ],
      fix: ['Keep a recording with --save FILE.tgz: it holds all that was read and seen.'],
      notes: [],
    };
  },
};
