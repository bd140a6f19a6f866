import { answered, type ProbeResult } from '../../probe/probe.ts';
import type { Cause } from '../cause.ts';
import { dropWords, observedDrops } from '../drops/observed.ts';
import { DIRECTIONS, type Evidence, legOf, mainProbe, score } from '../evidence.ts';
import { seenAt } from '../sightings.ts';

const ofPurpose = (probes: ProbeResult[], ...purposes: ProbeResult['request']['purpose'][]): ProbeResult[] =>
  probes.filter(({ request, attempts }) => purposes.includes(request.purpose) && attempts.length > 0);

/** The ping of the usual size to the target, by which others are measured. */
export const smallPing = (probes: ProbeResult[]): ProbeResult | undefined =>
  ofPurpose(probes, 'main-icmp', 'main').find(({ request }) => request.protocol === 'icmp');

/** Full-size pings that vanish without a word, while small ones are answered; of two sizes the one that the sender was told. */
export const vanishing = (probes: ProbeResult[]): { full: ProbeResult; small: ProbeResult } | undefined => {
  const full = ofPurpose(probes, 'full-size').at(-1);
  const small = smallPing(probes);
  if (!full || !small || answered(full) > 0 || answered(small) === 0) return undefined;
  return full.attempts.every(({ outcome }) => outcome === 'timeout') ? { full, small } : undefined;
};

/** `1400 bytes pass, 1410 do not` */
const limitOf = (evidence: Evidence, full: ProbeResult): { largest?: number; words: string[] } => {
  const tried = ofPurpose(evidence.probes, 'size-search').map(({ request, attempts }) => ({
    size: request.size ?? 0,
    passed: attempts.some(({ outcome }) => outcome === 'answered'),
  }));
  const largest = Math.max(0, ...tried.flatMap(({ size, passed }) => (passed ? [size] : [])));
  if (largest === 0) return { words: [] };
  const next = Math.min(
    full.request.size ?? Number.POSITIVE_INFINITY,
    ...tried.flatMap(({ size, passed }) => (!passed && size > largest ? [size] : [])),
  );
  return { largest, words: [`${largest} bytes pass, ${next} do not`] };
};

interface Where {
  place: { node: string; interface: string };
  words: string;
}

/** Where the kernel dropped the large ones, or between which two places they vanish. */
const whereOf = (evidence: Evidence, full: ProbeResult): Where | undefined => {
  const leg = legOf(evidence, full);
  const [observed] = observedDrops(evidence, leg);
  if (observed) {
    const { node, interface: name } = observed.drop;
    return { place: { node, interface: name }, words: dropWords(observed, full.attempts.length) };
  }
  const watched = DIRECTIONS.flatMap((direction) =>
    (leg[direction]?.hops ?? []).flatMap((hop) => {
      const count = seenAt(evidence, leg, direction, hop);
      return count === undefined ? [] : [{ hop, count }];
    }),
  );
  const last = watched.findLastIndex(({ count }) => count > 0);
  const [at, next] = [watched[last], watched[last + 1]];
  if (!at || !next) return undefined;
  const { node, interface: name } = at.hop;
  return {
    place: { node, interface: name },
    words: `the large ones were last seen on ${node} ${name} and not on ${next.hop.node} ${next.hop.interface}`,
  };
};

export const fullSizeVanishes: Cause = {
  code: 'ND3016',
  summary: "Packets as large as the sender's MTU vanish without a word, while small ones pass.",
  recognise: (evidence) => {
    const found = vanishing(evidence.probes);
    const main = mainProbe(evidence);
    if (!found || !main || answered(main) === 0) return undefined;
    const { full, small } = found;
    const { largest, words } = limitOf(evidence, full);
    const where = whereOf(evidence, full);
    return {
      severity: 'problem',
      confidence: where ? 'certain' : 'likely',
      title: `Packets of ${full.request.size} bytes, the sender's MTU, vanish on the way from ${full.request.fromLabel} to ${full.request.toLabel}; small ones pass.`,
      ...(where ? { place: where.place } : {}),
      evidence: [
        `ping of ${full.request.size} bytes, not to be fragmented: ${score(full)}`,
        `small ping: ${score(small)}`,
        ...words,
        ...(where ? [where.words] : []),
      ],
      fix: [
        `Set the MTU of the pod network to ${largest ?? 'what the way takes'}${largest === undefined ? '' : ' or less'}, or raise that of the link that is too small.`,
        'Where a firewall between the nodes drops ICMP "fragmentation needed" (type 3 code 4, ICMPv6 type 2), let it through: the sender would then adapt by itself.',
      ],
      notes: ['Connections open and answer small requests, then hang as soon as a full packet is sent.'],
    };
  },
};
