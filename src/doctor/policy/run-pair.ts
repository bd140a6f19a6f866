import type { ApiReader } from '../../cluster/api/reader.ts';
import { CliError, EXIT } from '../../cluster/errors.ts';
import type { ClusterFacts, Protocol } from '../../cluster/facts.ts';
import type { Suggestion } from '../../policy/suggest/suggest.ts';
import type { Enforcement, PolicyReport } from '../../report/policy/reports.ts';
import type { Say } from '../progress.ts';
import { choosePort } from '../question.ts';
import type { Stopwatch } from '../stopwatch.ts';
import { type AskedEnd, findEnd } from './ends.ts';
import { judgePair, type PairQuestion, suggestPair } from './judge-pair.ts';
import { enforcementOf, readAbout } from './read.ts';

/** What `policy A B` was asked, flags read. */
export interface PairRequest {
  from: string;
  to: string;
  namespace: string;
  port?: number | string;
  protocol?: Protocol;
  /** By the user's word. */
  cni?: string;
}

/** Everything outside that a question about policies needs. */
export interface PolicyPorts {
  api: ApiReader;
  now: () => Date;
  /** A bundle is made: read what later questions may need. */
  thorough: boolean;
  say: Say;
  stopwatch: Stopwatch;
}

/** Ends found and port chosen, with all that was read about them. */
export interface PairScene {
  question: PairQuestion;
  facts: ClusterFacts;
  enforcement: Enforcement;
}

const isSource = (end: AskedEnd): end is Exclude<AskedEnd, { is: 'service' }> => end.is !== 'service';

/** @throws CliError for a port that nobody can be asked at */
export const pairQuestion = (from: AskedEnd, to: AskedEnd, asked: Pick<PairRequest, 'port' | 'protocol'>): PairQuestion => {
  const packet = choosePort(to, asked);
  if (typeof packet === 'string') throw new CliError(packet, EXIT.usage);
  if (!isSource(from)) throw new CliError(`error: nothing is sent from ${from.label}`, EXIT.usage);
  return { from, to, ...packet };
};

const readPair = async (request: PairRequest, { api, say, stopwatch, thorough }: PolicyPorts): Promise<PairScene> => {
  say(`finding ${request.from} and ${request.to}`);
  const { namespace } = request;
  const [from, to] = await stopwatch.measure('find the ends', () =>
    Promise.all([findEnd(api, namespace, request.from, 'from'), findEnd(api, namespace, request.to, 'to')]),
  );
  const question = pairQuestion(from, to, request);
  say('reading policies');
  const facts = await stopwatch.measure('read the API', () => readAbout(api, [from, to], thorough));
  return { question, facts, enforcement: enforcementOf(facts, request.cni) };
};

/** Why no packet would go between two ends. */
const nothingSent = ({ from, to }: PairQuestion): CliError =>
  to.is === 'service'
    ? new CliError(`error: ${to.label} has no ready pod behind this port: there is nobody whose policies could be asked`, EXIT.notFound)
    : new CliError(`error: ${from.label} and ${to.label} have no address of the same family: no packet can go from one to the other`, EXIT.usage);

export const runPair = async (request: PairRequest, ports: PolicyPorts): Promise<PolicyReport> => {
  const { question, facts, enforcement } = await readPair(request, ports);
  ports.say('judging');
  const judged = await ports.stopwatch.measure('judge', async () => judgePair(question, facts, enforcement, ports.now().toISOString()));
  if (!judged) throw nothingSent(question);
  return { ...judged, timings: ports.stopwatch.read() };
};

/** The smallest policies that would allow it; none when it is allowed already. */
export const runSuggest = async (request: PairRequest, ports: PolicyPorts): Promise<Suggestion> => {
  const { question, facts, enforcement } = await readPair(request, ports);
  const suggestion = suggestPair(question, facts, enforcement);
  if (!suggestion) throw nothingSent(question);
  return suggestion;
};
