import type { ClusterFacts } from '../cluster/facts.ts';
import { lost } from '../diagnosis/causes/lost.ts';
import { strayed } from '../diagnosis/model-stop.ts';
import { hostPort } from '../forwarding/address.ts';
import type { Packet } from '../forwarding/hop.ts';
import { type Forecast, type Prediction, predict, type Result, surely, type Way } from '../forwarding/predict.ts';
import { walkBack } from '../forwarding/walk.ts';
import type { World } from '../forwarding/world.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import type { Attempt, Outcome, ProbeRequest, ProbeResult } from '../probe/probe.ts';
import type { ModelReport, ModelWay, PathReport } from '../report/report.ts';
import { judgePath, netnsOf } from './judge-path.ts';
import type { Question } from './plan.ts';

/** What the model is asked: everything that was read, and the checks that probes would make. */
export interface ModelQuestion {
  question: Question;
  facts: ClusterFacts;
  /** As they were read. */
  before: NodeSnapshot[];
  /** With the changes that are tried; the same where there are none. */
  snapshots: NodeSnapshot[];
  /** The changes, as they were typed. */
  whatIf: string[];
  /** A string says why nothing could be asked. */
  requests: ProbeRequest[] | string;
  notChecked: string[];
}

const OUTCOMES: [Exclude<Result, 'unknown'>, Outcome][] = [
  ['ok', 'answered'],
  ['refused', 'refused'],
  ['timeout', 'timeout'],
  ['unreachable', 'unreachable'],
];

const PERCENT = 100;

/** Whole percents that sum up to 100; who is not quite 0 or 100 % does not become so. */
const percentsOf = (forecast: Forecast): number[] => {
  const shares = OUTCOMES.map(([result]) => forecast[result] * PERCENT);
  const whole = shares.map((share) => (share > 0 && share < 1 ? 1 : Math.floor(share + 1e-6)));
  const most = shares.indexOf(Math.max(...shares));
  return whole.map((count, at) => (at === most ? count + PERCENT - whole.reduce((sum, one) => sum + one, 0) : count));
};

const attemptsOf = (forecast: Forecast): Attempt[] => {
  const percents = percentsOf(forecast);
  return OUTCOMES.flatMap(([, outcome], at) => Array.from({ length: percents[at] ?? 0 }, (): Attempt => ({ outcome })));
};

const packetOf = (request: ProbeRequest, source: string): Packet => ({
  source,
  destination: request.destination,
  protocol: request.protocol,
  // agents run as root
  uid: 0,
  gid: 0,
  ...(request.port === undefined ? {} : { destinationPort: request.port }),
  ...(request.size === undefined ? {} : { length: request.size, dontFragment: true }),
  ...(request.protocol === 'icmp' ? { icmp: { type: request.destination.includes(':') ? 128 : 8, code: 0 } } : {}),
});

/** Sent somewhere that this network plugin never sends pods' packets to, there or back: nothing comes of it, whatever lies outside. */
const goesAstray = ({ there, forecast }: Way, world: World): boolean =>
  forecast.unknown === 1 && [there, walkBack(there, world)].some((walk) => walk !== undefined && strayed(world, walk) !== undefined);

const ask = (request: ProbeRequest, world: World, source: string): Prediction | undefined => {
  const netns = netnsOf(
    request,
    world.snapshots.find(({ node }) => node === request.node),
  );
  if (netns === undefined) return undefined;
  const prediction = predict(packetOf(request, source), { node: request.node, netns }, world);
  const { ways } = prediction;
  const [only] = ways;
  return ways.length === 1 && only && goesAstray(only, world)
    ? { ...prediction, forecast: surely('timeout'), ways: [{ ...only, forecast: surely('timeout') }], doubts: [] }
    : prediction;
};

const probeOf = (request: ProbeRequest, prediction: Prediction | undefined): ProbeResult => {
  const asked = { request: { ...request, count: PERCENT }, predicted: true as const };
  if (!prediction) return { ...asked, attempts: [], notRun: 'where it would be sent from was not read' };
  const { forecast, doubts } = prediction;
  if (forecast.unknown > 0) return { ...asked, attempts: [], notRun: `the model cannot tell${doubts.length > 0 ? `: ${doubts.join('; ')}` : ''}` };
  return { ...asked, attempts: attemptsOf(forecast) };
};

const wayOf = ({ share, labels, there, forecast }: Way): ModelWay => {
  const { destination, destinationPort } = there.hops.at(-1)?.packet ?? there.packet;
  const end = there.hops.findLast((hop) => hop.stop);
  return {
    ...(share === undefined ? {} : { share }),
    by: labels,
    to: hostPort(destination, destinationPort),
    forecast,
    ...(end?.stop
      ? {
          stop: {
            node: end.node,
            interface: end.interface,
            message: end.stop.message,
            ...(end.stop.decidedBy === undefined ? {} : { decidedBy: end.stop.decidedBy }),
          },
        }
      : {}),
  };
};

const reportOf = ({ whatIf }: ModelQuestion, before: Prediction | undefined, { forecast, ways, doubts }: Prediction): ModelReport => ({
  whatIf,
  ...(before && whatIf.length > 0 ? { before: before.forecast } : {}),
  after: forecast,
  ways: ways.map(wayOf),
  doubts,
});

/** The report of a run in which nothing is sent: every probe's result is what the model predicts. Pure. */
export const judgeModel = (asked: ModelQuestion, time: string): Omit<PathReport, 'timings'> => {
  const { question, facts, snapshots, requests } = asked;
  const planned = typeof requests === 'string' ? [] : requests;
  const source = (request: ProbeRequest): string => (request.purpose === 'main' ? question.source : '');
  const world: World = { snapshots, facts };
  const predictions = planned.map((request) => ({ request, prediction: ask(request, world, source(request)) }));
  const main = predictions.find(({ request }) => request.purpose === 'main');
  const before = main && asked.whatIf.length > 0 ? ask(main.request, { snapshots: asked.before, facts }, question.source) : undefined;
  const report = judgePath(
    {
      question,
      facts,
      snapshots,
      probes: predictions.map(({ request, prediction }) => probeOf(request, prediction)),
      taps: [],
      drops: [],
      ruleTraces: [],
      notChecked: [...asked.notChecked, ...(typeof requests === 'string' ? [`nothing could be asked: ${requests}`] : [])],
    },
    time,
  );
  // no packet proves what is only predicted, and where the model ends one is no riddle
  const findings = report.findings
    .filter(({ code }) => code !== lost.code)
    .map((finding) => (finding.confidence === 'certain' ? { ...finding, confidence: 'likely' as const } : finding));
  return { ...report, findings, ...(main?.prediction ? { model: reportOf(asked, before, main.prediction) } : {}) };
};
