/**
 * What each way of seeing contributes: incidents judged again with one of them taken away, and with one alone. Reads bundles, as the drop
 * table of the end-to-end tests keeps them where NETDOCTOR_E2E_BUNDLES names a directory.
 *
 *     node test/bench/tiers.ts [DIRECTORY]      # else those of the unit tests
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { resolvePair } from '../../src/cluster/words/resolve.ts';
import { evidenceOf } from '../../src/doctor/evidence-of.ts';
import { judgePath, type PathEvidence } from '../../src/doctor/judge-path.ts';
import { gather } from '../../src/doctor/run-path.ts';
import { bundles, opened } from '../unit/doctor/replay.ts';

type Tier = 'model' | 'captures' | "kernel's word" | 'counters';

const TIERS: Tier[] = ['model', 'captures', "kernel's word", 'counters'];

const blind: Record<Tier, (evidence: PathEvidence) => PathEvidence> = {
  // a probe from a process that nobody knows has no predicted way
  model: (evidence) => ({
    ...evidence,
    probes: evidence.probes.map((probe) => ({ ...probe, request: { ...probe.request, from: { netns: 'pid', pid: -1 } } })),
  }),
  captures: (evidence) => ({ ...evidence, taps: [] }),
  "kernel's word": (evidence) => ({ ...evidence, drops: [] }),
  counters: ({ before: _, ...evidence }) => evidence,
};

const without = (tiers: Tier[], evidence: PathEvidence): PathEvidence => tiers.reduce((left, tier) => blind[tier](left), evidence);

const VIEWS: { title: string; away: Tier[] }[] = [
  ...TIERS.map((tier) => ({ title: `without ${tier}`, away: [tier] })),
  ...TIERS.map((tier) => ({ title: `${tier} alone`, away: TIERS.filter((other) => other !== tier) })),
  { title: 'probes alone', away: TIERS },
];

interface Tally {
  code: number;
  place: number;
  certain: number;
  wrong: number;
}

/** Whose whole evidence names a cause; all others tell nothing about who contributed what. */
let incidents = 0;
const tallies = new Map(VIEWS.map(({ title }): [string, Tally] => [title, { code: 0, place: 0, certain: 0, wrong: 0 }]));

const directory = process.argv[2] ?? bundles;
for (const file of readdirSync(directory).filter((name) => name.endsWith('.tgz'))) {
  const { request, ports } = await opened(join(directory, file));
  const { known, first } = await gather(request, (api, from, to, namespace) => resolvePair(api, namespace, { from, to }), ports);
  const evidence = evidenceOf(known, first);
  const time = ports.now().toISOString();
  const [truth] = judgePath(evidence, time).findings;
  if (truth?.confidence !== 'certain') continue;
  incidents += 1;
  for (const { title, away } of VIEWS) {
    const [found] = judgePath(without(away, evidence), time).findings;
    const tally = tallies.get(title);
    if (!tally) continue;
    const same = found?.code === truth.code;
    tally.code += same ? 1 : 0;
    tally.place += same && found.place?.node === truth.place?.node && found.place?.interface === truth.place?.interface ? 1 : 0;
    tally.certain += same && found.confidence === 'certain' ? 1 : 0;
    tally.wrong += !same && found?.confidence === 'certain' ? 1 : 0;
  }
}

const line = (title: string, ...cells: (string | number)[]): string =>
  `${title.padEnd(26)}${cells.map((cell) => String(cell).padStart(14)).join('')}`;
process.stdout.write(`${incidents} incidents of which all evidence together makes the cause certain; how many are still told\n`);
process.stdout.write(`${line('', 'same cause', 'same place', 'certain', 'certain, wrong')}\n`);
for (const [title, { code, place, certain, wrong }] of tallies) process.stdout.write(`${line(title, code, place, certain, wrong)}\n`);
