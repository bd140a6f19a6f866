import type { Hop } from '../../forwarding/hop.ts';
import { answered } from '../../probe/probe.ts';
import type { Cause } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { keptBySwitch } from '../drops/kept-by-switch.ts';
import { counterHints } from '../drops/kernel-counters.ts';
import { checkWords, DIRECTIONS, type Evidence, failingLegs, type Leg } from '../evidence.ts';
import { seenAt } from '../sightings.ts';

interface Watched {
  hop: Hop;
  count: number;
}

const place = ({ node, interface: name, where }: Hop): string => `${node} ${name} (${where})`;

/** Between which two watched places the packets vanish, there or on the way back. */
const frame = (evidence: Evidence, leg: Leg): string[] => {
  const [request, reply] = DIRECTIONS.map((direction) =>
    (leg[direction]?.hops ?? []).flatMap((hop): Watched[] => {
      const count = seenAt(evidence, leg, direction, hop);
      return count === undefined ? [] : [{ hop, count }];
    }),
  );
  return gap('the request', request ?? []) ?? unanswered(request ?? [], reply ?? []) ?? gap('the reply', reply ?? []) ?? [];
};

const gap = (what: string, watched: Watched[]): string[] | undefined => {
  const last = watched.findLastIndex(({ count }) => count > 0);
  const [at, next] = [watched[last], watched[last + 1]];
  return at && next ? [`${what} was last seen on ${place(at.hop)} and not on ${place(next.hop)}`] : undefined;
};

/** It arrived, and nothing came out again. */
const unanswered = (request: Watched[], [first]: Watched[]): string[] | undefined => {
  const last = request.at(-1);
  return last && first && last.count > 0 && first.count === 0
    ? [`the request reached ${place(last.hop)}, and no reply left it: whoever should answer there does not`]
    : undefined;
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
        ...keptBySwitch(evidence, leg),
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
        ...counterHints(evidence, leg),
        ...doubts(leg).slice(0, 5),
      ],
      fix: ['Keep a recording with --save FILE.tgz: it holds all that was read and seen.'],
      notes: [],
    };
  },
};
