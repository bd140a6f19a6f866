import { CliError } from '../../cluster/errors.ts';
import type { ClusterFacts } from '../../cluster/facts.ts';
import type { Assertion } from '../../policy/assertion/parse.ts';
import { engineOf } from '../../policy/engine.ts';
import { flowsOf } from '../../policy/flows.ts';
import { judge } from '../../policy/judge.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { reasonText } from '../../policy/words.ts';
import type { AssertionReport, Enforcement, PolicyAssertReport } from '../../report/policy/reports.ts';
import { type AskedEnd, findEnd } from './ends.ts';
import type { PairQuestion } from './judge-pair.ts';
import { engineNotes } from './notes.ts';
import { enforcementOf, readAbout } from './read.ts';
import { type PolicyPorts, pairQuestion } from './run-pair.ts';

export interface AssertRequest {
  file: string;
  assertions: Assertion[];
  namespace: string;
  cni?: string;
}

/** An assertion whose words were found, or why they were not. */
export interface FoundAssertion {
  assertion: Assertion;
  found: { question: PairQuestion; to: AskedEnd } | { failed: string };
}

/** A word that stands for nothing fails its own assertion; a cluster that does not answer fails them all. */
export const findAssertions = (request: AssertRequest, { api }: Pick<PolicyPorts, 'api'>): Promise<FoundAssertion[]> =>
  Promise.all(
    request.assertions.map(async (assertion): Promise<FoundAssertion> => {
      try {
        const [from, to] = await Promise.all([
          findEnd(api, request.namespace, assertion.from, 'from'),
          findEnd(api, request.namespace, assertion.to, 'to'),
        ]);
        return { assertion, found: { question: pairQuestion(from, to, assertion), to } };
      } catch (error) {
        if (!(error instanceof CliError) || (error.exitCode !== 2 && error.exitCode !== 5)) throw error;
        return { assertion, found: { failed: error.message.replace(/^error: /, '') } };
      }
    }),
  );

const whyOf = ({ sides }: Verdict): string[] =>
  sides
    .filter(({ verdict }) => sides.every((one) => one.verdict === 'allow') || verdict === 'deny')
    .map((side) => `${side.subject}, ${side.direction}: ${reasonText(side.reason, side.verdict)}`);

/** The report of one assertion without what came of it. */
export const blankReport = ({ assertion, found }: FoundAssertion): Omit<AssertionReport, 'got' | 'pass' | 'why'> => {
  const { name, line, from, to, expect } = assertion;
  const { protocol, port } = 'question' in found ? found.question : { protocol: assertion.protocol ?? 'tcp', port: undefined };
  const asked = typeof assertion.port === 'number' ? assertion.port : undefined;
  const shown = port ?? asked;
  return { name, line, from, to, protocol, ...(shown === undefined ? {} : { port: shown }), expect };
};

export const failedReport = (one: FoundAssertion, why: string): AssertionReport => ({ ...blankReport(one), got: 'unknown', pass: false, why: [why] });

const judgeOne = (one: FoundAssertion, facts: ClusterFacts, engine: ReturnType<typeof engineOf>): AssertionReport => {
  const { found, assertion } = one;
  if ('failed' in found) return failedReport(one, found.failed);
  const { from, to, protocol, port } = found.question;
  const flows = flowsOf(engine, facts, from, to, { protocol, ...(port === undefined ? {} : { port }) });
  if (flows.length === 0) return failedReport(one, `nothing can be sent: ${to.label} has no ready pod behind it, or no address of the same family`);
  const verdicts = flows.map(({ flow }) => judge(engine, flow));
  const kinds = new Set(verdicts.map(({ verdict }) => verdict));
  const got = kinds.size > 1 ? 'mixed' : (verdicts[0]?.verdict ?? 'unknown');
  const doubts = verdicts.flatMap((verdict) =>
    verdict.doubts.filter(({ otherwise }) => otherwise !== undefined && otherwise !== verdict.verdict).map(({ text }) => text),
  );
  const against = verdicts.filter(({ verdict }) => verdict !== assertion.expect);
  const telling = against.length > 0 ? against : verdicts;
  return { ...blankReport(one), got, pass: got === assertion.expect, why: [...new Set([...telling.flatMap(whyOf), ...doubts])] };
};

/** Facts → report, pure. */
export const judgeAssertions = (
  found: readonly FoundAssertion[],
  facts: ClusterFacts,
  { file }: Pick<AssertRequest, 'file'>,
  enforcement: Enforcement,
  time: string,
): Omit<PolicyAssertReport, 'timings'> => {
  const engine = engineOf(facts, enforcement.plugin);
  return {
    kind: 'PolicyAssertReport',
    time,
    file,
    by: 'policies',
    enforcement,
    assertions: found.map((one) => judgeOne(one, facts, engine)),
    findings: [],
    notChecked: [...facts.notRead, ...engineNotes(engine, enforcement)],
  };
};

export const runAssert = async (request: AssertRequest, ports: PolicyPorts): Promise<PolicyAssertReport> => {
  const { api, say, stopwatch, thorough } = ports;
  say('finding the ends');
  const found = await stopwatch.measure('find the ends', () => findAssertions(request, ports));
  say('reading policies');
  const ends = found.flatMap((one) => ('question' in one.found ? [one.found.question.from, one.found.question.to] : []));
  const facts = await stopwatch.measure('read the API', () => readAbout(api, ends, thorough));
  say('judging');
  const judged = await stopwatch.measure('judge', async () =>
    judgeAssertions(found, facts, request, enforcementOf(facts, request.cni), ports.now().toISOString()),
  );
  return { ...judged, timings: stopwatch.read() };
};
