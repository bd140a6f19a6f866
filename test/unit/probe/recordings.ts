import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { ProbeRequest } from '../../../src/probe/probe.ts';
import type { TapRequest } from '../../../src/probe/tap/tap-output.ts';
import type { Recording } from './observe.ts';

const folder = (name: string): URL => new URL(`../../fixtures/probe/${name}/`, import.meta.url);

interface Index {
  node: string;
  requests: ProbeRequest[];
  taps: { node: string; taps: TapRequest[] }[];
}

/** Prober output as text, capture output as it came, an index of what was asked for. */
export const saveRecording = async (name: string, { probes, taps }: Recording): Promise<void> => {
  const into = folder(name);
  const index: Index = { node: probes.node, requests: probes.requests, taps: taps.map(({ node, taps: places }) => ({ node, taps: places })) };
  await mkdir(into, { recursive: true });
  await writeFile(new URL('index.json', into), `${JSON.stringify(index, null, 2)}\n`);
  await writeFile(new URL('probes.txt', into), probes.output);
  await Promise.all(taps.map(({ output }, number) => writeFile(new URL(`${number}.tap`, into), output)));
};

export const loadRecording = async (name: string): Promise<Omit<Recording, 'results'>> => {
  const from = folder(name);
  const index: Index = JSON.parse(await readFile(new URL('index.json', from), 'utf8'));
  const taps = index.taps.map(async (tap, number) => ({ ...tap, output: await readFile(new URL(`${number}.tap`, from)) }));
  return {
    probes: { node: index.node, requests: index.requests, output: await readFile(new URL('probes.txt', from), 'latin1') },
    taps: await Promise.all(taps),
  };
};
