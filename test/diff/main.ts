/**
 * Holds the forwarding model against this machine's kernel. Needs Linux, root and Go.
 *
 *     node test/diff/main.ts [--count N --seed S | --seeds S,S…] [--workers W] [--shrink K] [--keep]
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fixtureOf, writeFixture } from './fixture.ts';
import { generate } from './generate/generate.ts';
import { type Kernel, startKernel } from './kernel.ts';
import { parityOf } from './parity.ts';
import { caseText, kindsOf, summary } from './report.ts';
import { type Found, runCases } from './run.ts';
import { shrink } from './shrink.ts';
import type { Disagreement } from './signature.ts';

const directory = join(import.meta.dirname, '../../build/diff');

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    /** Instead: these, as after a fix. */
    seeds: { type: 'string' },
    workers: { type: 'string', default: '10' },
    /** So many disagreements of each kind are made small. */
    shrink: { type: 'string', default: '1' },
    /** The first disagreement of each kind in each case is kept as it was found, too: not small, but there without building it again. */
    keep: { type: 'boolean', default: false },
  },
});

/** Every so many cases the collector itself reads one, too. */
const parityEvery = 100;

const [count, seed, workers, each] = [values.count, values.seed, values.workers, values.shrink].map(Number) as [number, number, number, number];

const seeds = values.seeds?.split(',').map(Number) ?? Array.from({ length: count }, (_, at) => seed + at);

const fileOf = ({ subject, index }: Found, { aspect }: Disagreement): string => `${aspect.replaceAll(' ', '-')}-${subject.seed}-${index}.json.gz`;

const showShrunk = async (kernel: Kernel, found: Found): Promise<void> => {
  const small = await shrink(kernel, found);
  if (!small) {
    process.stdout.write(`\nseed ${found.subject.seed}: does not show with fewer probes: ${found.verdict.predicted} / ${found.verdict.seen}\n`);
    return;
  }
  const file = join(directory, fileOf(found, small.verdict));
  mkdirSync(directory, { recursive: true });
  writeFixture(file, fixtureOf(small));
  process.stdout.write(`\n${caseText(small.subject)}\n  model:  ${small.verdict.predicted}\n  kernel: ${small.verdict.seen}\n  ${file}\n`);
};

const keepWhole = (found: Found): void => {
  if (!found.alone) return;
  mkdirSync(join(directory, 'whole'), { recursive: true });
  writeFixture(join(directory, 'whole', fileOf(found, found.alone.verdict)), fixtureOf(found.alone));
};

const kernel = await startKernel(workers);
try {
  const started = performance.now();
  const onCase = (done: number): void => {
    if (done % 100 === 0) process.stderr.write(`${done} of ${seeds.length}\n`);
  };
  const totals = await runCases(kernel, { seeds, workers, onCase, ...(values.keep ? { onFound: keepWhole } : {}) });
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${summary(totals, { seeds, seconds, processor: await kernel.processorSeconds() })}\n`);
  const read = seeds.filter((_, at) => at % parityEvery === 0);
  const unlike: string[] = [];
  for (const one of read) unlike.push(...(await parityOf(kernel, generate(one))));
  process.stdout.write(`${[`read by the collector, too: ${read.length} cases, ${unlike.length} differences`, ...unlike].join('\n  ')}\n`);
  for (const [, found] of kindsOf(totals.found)) for (const one of found.slice(0, each)) await showShrunk(kernel, one);
  process.exitCode = totals.found.length + unlike.length > 0 ? 1 : 0;
} finally {
  await kernel.close();
}
