import type { ApiReader } from '../cluster/api/reader.ts';
import type { Endpoint } from '../cluster/endpoint.ts';
import type { ClusterFacts, Protocol } from '../cluster/facts.ts';
import { vanishing } from '../diagnosis/causes/full-size.ts';
import type { PathReport } from '../report/report.ts';
import { evidenceOf, type Known } from './evidence-of.ts';
import { judgePath } from './judge-path.ts';
import { sizeSearch } from './mtu.ts';
import { planProbes } from './plan.ts';
import type { OpenDoors } from './ports.ts';
import type { Say } from './progress.ts';
import { readScene } from './read-scene.ts';
import { deservesSecondLook, lookAgain } from './second-look.ts';
import type { Stopwatch } from './stopwatch.ts';
import { type Look, look, type Scene, sendAll } from './watch.ts';

/** What `path A B` was asked, flags read. */
export interface PathRequest {
  from: string;
  to: string;
  namespace: string;
  port?: number | string;
  protocol?: Protocol;
  count: number;
  timeoutMs: number;
  /** Let the kernels name the rules that probes meet: it marks packets and so changes packet-processing state. */
  traceRules?: boolean;
}

/** Everything outside: live, recorded or replayed. */
export interface PathPorts {
  api: ApiReader;
  open: OpenDoors;
  /** SessionMark number of the probes. */
  mark: number;
  now: () => Date;
  /** Read the links of every pod of the nodes, not only what this question needs. */
  thorough: boolean;
  say: Say;
  stopwatch: Stopwatch;
}

/** The cluster's DNS domain as CoreDNS's own Corefile has it. */
export const dnsDomainOf = (facts: ClusterFacts): string => {
  const corefile = Object.entries(facts.configMaps).find(([name]) => name.endsWith('/coredns'))?.[1].Corefile;
  return /^\s*kubernetes\s+([a-z0-9.-]+?)\.?\s/m.exec(corefile ?? '')?.[1] ?? 'cluster.local';
};

export type ResolvePair = (api: ApiReader, from: string, to: string, namespace: string) => Promise<{ from: Endpoint; to: Endpoint }>;

/** A question, what was read for it, and what the first probes showed: all that judging needs. */
interface Gathered {
  scene: Scene;
  known: Known;
  first: Look;
}

/** Resolves, enters, reads, watches, sends. */
export const gather = async (request: PathRequest, resolve: ResolvePair, ports: PathPorts): Promise<Gathered> => {
  const { stopwatch, say } = ports;
  const { question, pods, doors, facts, snapshots, notChecked } = await readScene(request, resolve, ports);
  const scene: Scene = { doors, question, pods, mark: ports.mark, traceRules: request.traceRules === true, stopwatch };

  const requests = planProbes(question, facts, snapshots, dnsDomainOf(facts));
  say('sending probes');
  const first: Look = typeof requests === 'string' ? { probes: [], raw: [], rules: [] } : await look(scene, snapshots, requests);
  const full = vanishing(first.probes)?.full;
  const sizes = full ? await stopwatch.measure('probe', () => sendAll(doors, sizeSearch(full))) : [];
  const notes = [...notChecked, ...(typeof requests === 'string' ? [`no probe was sent: ${requests}`] : [])];
  return { scene, known: { question, facts, snapshots, sizes, notChecked: notes }, first };
};

/** One `path` run: gathers and judges, and looks once more where nothing explains a loss. */
export const runPath = async (request: PathRequest, resolve: ResolvePair, ports: PathPorts): Promise<PathReport> => {
  const { stopwatch, say } = ports;
  const { scene, known, first } = await gather(request, resolve, ports);
  const judge = async (seen: Look): Promise<Omit<PathReport, 'timings'>> =>
    stopwatch.measure('judge', async () => judgePath(evidenceOf(known, seen), ports.now().toISOString()));
  const judged = await judge(first);
  if (!deservesSecondLook(judged)) return { ...judged, timings: stopwatch.read() };
  say('nothing explains it yet: sending more probes');
  const second = await lookAgain(scene, first, known.snapshots);
  return { ...(second ? await judge(second) : judged), timings: stopwatch.read() };
};
