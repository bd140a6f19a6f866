import type { Case } from './case.ts';
import type { Found, Totals } from './run.ts';
import { signatureOf, unknownKind } from './signature.ts';

const share = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(2)} %`;

/** Counts by kind, most frequent first. */
const ranked = <T>(items: Iterable<T>, kind: (item: T) => string, weight: (item: T) => number): { kind: string; count: number; first: T }[] => {
  const groups = new Map<string, { kind: string; count: number; first: T }>();
  for (const item of items) {
    const name = kind(item);
    const group = groups.get(name) ?? { kind: name, count: 0, first: item };
    group.count += weight(item);
    groups.set(name, group);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
};

export const kindsOf = (found: Found[]): Map<string, Found[]> => {
  const kinds = new Map<string, Found[]>();
  for (const one of found) kinds.set(signatureOf(one.verdict), [...(kinds.get(signatureOf(one.verdict)) ?? []), one]);
  return new Map([...kinds].sort(([, a], [, b]) => b.length - a.length));
};

const sum = (counts: Map<string, number>): number => [...counts.values()].reduce((total, count) => total + count, 0);

const counted = (counts: Map<string, number>, most: number): string[] =>
  [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([kind, count]) => `    ${String(count).padStart(6)}  ${kind}`);

export const summary = (totals: Totals, { seeds, seconds, processor }: { seeds: number[]; seconds: number; processor: number }): string => {
  const { cases, refused, probes, attempts, agree, unknown, explained, fleeting, found } = totals;
  const unknowns = sum(unknown);
  const differing = [...new Set(found.map(({ subject }) => subject.seed))].sort((a, b) => a - b);
  return [
    `seeds ${seeds[0]} to ${seeds.at(-1)}: ${cases} cases (${refused.length} refused by the tools that build them), ${probes} probes, ${attempts} attempts`,
    `  agree     ${agree} (${share(agree, probes)})`,
    `  unknown   ${unknowns} (${share(unknowns, probes)})`,
    ...ranked(
      unknown,
      ([reason]) => unknownKind(reason),
      ([, count]) => count,
    )
      .slice(0, 15)
      .map(({ kind, count }) => `    ${String(count).padStart(6)}  ${kind}`),
    `  explained ${sum(explained)} (${share(sum(explained), probes)}): they differ, and no table of a node tells why`,
    ...counted(explained, 15),
    `  disagree  ${found.length} (${share(found.length, probes)}) in ${differing.length} cases`,
    ...(differing.length > 0 ? [`    --seeds ${differing.join(',')}`] : []),
    ...[...kindsOf(found)].map(([kind, all]) => `    ${String(all.length).padStart(6)}  ${kind} (seed ${all[0]?.subject.seed}…)`),
    `  fleeting  ${sum(fleeting)}: not the same when looked at again or asked alone`,
    ...counted(fleeting, 15),
    `${seconds.toFixed(0)} s, ${(cases / seconds).toFixed(1)} cases/s; processor per case: ${((processor * 1000) / cases).toFixed(0)} ms building, reading and probing, ${(totals.judging / cases).toFixed(0)} ms judging`,
  ].join('\n');
};

/** A case for a person: what to type, and what to ask. */
export const caseText = ({ seed, spaces, lines, probes }: Case): string => {
  const [probe] = probes;
  const words = probe
    ? `${probe.from} asks ${probe.destination} ${probe.protocol}${probe.destinationPort === 0 ? '' : ` ${probe.destinationPort}`}`
    : '';
  return [
    `seed ${seed}: ${spaces.map(({ name }) => name).join(' ')}; ${words}`,
    ...lines.map((line) => `  ${line.space.padEnd(5)} ${line.tool}${'table' in line ? ` ${line.table}` : ''}: ${line.text}`),
  ].join('\n');
};
