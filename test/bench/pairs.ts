/**
 * Two faults at once, drawn at random, and a question that meets both: how often the first finding is one of them, and how often something is
 * said to be certain that is neither. `NETDOCTOR_E2E_LAB=NAME KUBECONFIG=… node test/bench/pairs.ts [SEED [PAIRS [DIRECTORY]]]` prints each pair;
 * into DIRECTORY goes a bundle of each that was not right.
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PathReport } from '../../src/report/report.ts';
import { kubectl, lab } from '../e2e/cluster.ts';
import { DROP_TABLE } from '../e2e/drop-table.ts';
import { EXPECTED } from '../e2e/expected.ts';
import { healed } from '../e2e/heal.ts';
import { document } from '../e2e/netdoctor.ts';
import type { Fault } from '../lab/faults/fault.ts';
import { faultNamed } from '../lab/faults/index.ts';

if (!lab) throw new Error('name a running lab in NETDOCTOR_E2E_LAB');
const running = lab;
const [seed = 1, count = 30] = process.argv.slice(2, 4).map(Number);
const directory = process.argv[4];

/** What each fault that a client of the other node meets over IPv4 is called. */
const named = (): Map<string, Set<string>> => {
  const rows = [
    ...Object.entries(EXPECTED).flatMap(([fault, { code, args }]) => (args ? [] : code.split('|').map((one) => [fault, one] as const))),
    ...DROP_TABLE.flatMap(({ fault, code, place, families = [4] }) =>
      fault !== undefined && place['cross node'] && families.includes(4) ? [[fault, code] as const] : [],
    ),
  ].filter(([fault]) => faultNamed(fault).appliesTo(running.plan.options));
  return new Map([...Map.groupBy(rows, ([fault]) => fault)].map(([fault, list]) => [fault, new Set(list.map(([, code]) => code))]));
};

/** Numerical Recipes' generator: the same pairs for the same seed. */
const drawn = (state: { seed: number }, among: number): number => {
  state.seed = (Math.imul(state.seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((state.seed / 2 ** 32) * among);
};

interface Told {
  first: boolean;
  /** Certain, and neither of the two. */
  wrong: string[];
  disagreements: string[];
  words: string;
}

const QUESTIONS = [
  ['--port', '8080'],
  ['--protocol', 'udp', '--port', '9999'],
  ['--protocol', 'icmp'],
];

const ask = async (question: string[], wanted: Set<string>): Promise<Told> => {
  const { findings, disagreements } = await document<PathReport>(['path', '-n', 'demo', 'client-node1', ...question]);
  return {
    first: wanted.has(findings[0]?.code ?? ''),
    wrong: findings.filter(({ code, confidence }) => confidence === 'certain' && !wanted.has(code)).map(({ code }) => code),
    disagreements,
    words: findings.map(({ code, confidence }) => `${code} ${confidence}`).join(', ') || 'nothing found',
  };
};

const codes = named();
const names = [...codes.keys()];
const target = (await kubectl(['get', 'pod', '-n', 'demo', 'server-node2', '-o', 'jsonpath={.status.podIPs[*].ip}']))
  .split(' ')
  .find((address) => address.includes('.'));
if (target === undefined) throw new Error('the lab has no IPv4');
const state = { seed };
const total = { pairs: 0, first: 0, wrong: 0, disagree: 0 };
while (total.pairs < count) {
  const pair = [names[drawn(state, names.length)], names[drawn(state, names.length)]].filter((name) => name !== undefined);
  const [one = '', other = ''] = pair;
  const question = [target, ...(QUESTIONS[drawn(state, QUESTIONS.length)] ?? [])];
  if (one === other) continue;
  const faults: Fault[] = pair.map(faultNamed);
  const wanted = new Set(pair.flatMap((name) => [...(codes.get(name) ?? [])]));
  try {
    for (const fault of faults) await fault.inject(running);
    const file = directory === undefined ? undefined : join(directory, `${one}+${other}.tgz`);
    const told = await ask([...question, ...(file === undefined ? [] : ['--save', file])], wanted);
    const right = told.first && told.wrong.length === 0 && told.disagreements.length === 0;
    if (right && file !== undefined) await rm(file, { force: true });
    total.pairs += 1;
    total.first += told.first ? 1 : 0;
    total.wrong += told.wrong.length > 0 ? 1 : 0;
    total.disagree += told.disagreements.length > 0 ? 1 : 0;
    const asked = question.slice(1).join(' ');
    process.stdout.write(
      `${right ? ' ' : '!'} ${one} and ${other} (${asked}): ${told.words}${told.disagreements.map((line) => `; ${line}`).join('')}\n`,
    );
  } catch (error) {
    // some pairs exclude each other: the second finds nothing left to break
    process.stdout.write(`- ${one} and ${other}: ${error instanceof Error ? error.message.split('\n')[0] : error}\n`);
  } finally {
    // what one puts back may hang on what the other has taken away: those that fail here are undone again
    for (const { undo } of faults.toReversed()) await undo(running).catch(() => undefined);
    for (const fault of faults) await healed(running, fault);
  }
}
process.stdout.write(
  `${total.pairs} pairs from seed ${seed}: one of the two first in ${total.first}, certain and neither in ${total.wrong}, model and packets disagree in ${total.disagree}\n`,
);
