import type { Case } from './case.ts';
import type { Answer } from './kernel.ts';

/** space, link, kind, what, depth, probe, attempt, source, sourcePort, destination, destinationPort, ttl, length, icmpType, icmpCode. */
type EventRow = [number, string, number, number, number, number, number, string, number, string, number, number, number, number, number];

export type What = 'request' | 'reply' | 'refusal' | 'error of request' | 'error of reply';

/** As in kernel/decode.go. */
const whats: readonly What[] = ['request', 'reply', 'refusal', 'error of request', 'error of reply'];
const kinds = ['out', 'in', 'overheard', 'delivered'] as const;

/** One packet of an attempt where it was seen. */
export interface Sighting {
  space: string;
  /** Absent where a process, not a device, saw it. */
  link?: string;
  kind: (typeof kinds)[number];
  what: What;
  /** How many tunnel headers were around it. */
  depth: number;
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
  icmp?: { type: number; code: number };
  /** Bytes, where a device saw it; what was recorded before lengths were has none. */
  length?: number;
}

/** What became of one attempt of a probe. */
export interface Attempt {
  /** What the system call said, 0 when it went well. */
  errno: number;
  sightings: Sighting[];
  /** `SPACE/LINK`s on which a neighbour did not answer while the case ran. */
  silences: string[];
  /** Addresses that asked for a neighbour while the case ran, and so made themselves known. */
  asked?: string[];
  /** Whom somebody asked for, in vain or not, as `SPACE/LINK ADDRESS`; absent from what was recorded before that was. */
  wanted?: string[];
}

/** Attempts by probe, in the order of the case's probes. */
export const attemptsOf = (
  { spaces, probes }: Case,
  { sends, events, silences, asked, wanted }: Pick<Answer, 'sends' | 'events' | 'silences' | 'asked' | 'wanted'>,
): Attempt[][] => {
  const silent = [...new Set(silences.map(({ space, link }) => `${spaces[space]?.name}/${link}`))];
  const questions = [...new Set([...silences, ...(wanted ?? [])].map(({ space, link, address }) => `${spaces[space]?.name}/${link} ${address}`))];
  const attempts = probes.map((probe) =>
    Array.from({ length: probe.attempts }, (): Attempt => ({ errno: 0, sightings: [], silences: silent, asked: asked ?? [], wanted: questions })),
  );
  for (const { probe, attempt, errno } of sends) {
    const sent = attempts[probe]?.[attempt];
    if (sent) sent.errno = errno;
  }
  for (const row of events as EventRow[]) {
    const [space, link, kind, what, depth, probe, attempt, source, sourcePort, destination, destinationPort, , length, type, code] = row;
    attempts[probe]?.[attempt]?.sightings.push({
      space: spaces[space]?.name ?? '',
      ...(link === '' ? {} : { link }),
      kind: kinds[kind] ?? 'out',
      what: whats[what] ?? 'request',
      depth,
      source,
      sourcePort,
      destination,
      destinationPort,
      ...(type === 0 && code === 0 ? {} : { icmp: { type, code } }),
      ...(link === '' || length === 0 ? {} : { length }),
    });
  }
  return attempts;
};
