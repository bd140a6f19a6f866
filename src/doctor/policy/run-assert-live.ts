import { CliError, EXIT } from '../../cluster/errors.ts';
import type { ClusterFacts } from '../../cluster/facts.ts';
import { probeVerdict } from '../../diagnosis/policy/probe-verdict.ts';
import type { NodeSnapshot } from '../../node/snapshot.ts';
import { type Engine, engineOf } from '../../policy/engine.ts';
import { type FlowCase, flowsOf } from '../../policy/flows.ts';
import type { Party } from '../../policy/party.ts';
import type { ProbeRequest, ProbeResult } from '../../probe/probe.ts';
import type { AssertionReport, PolicyAssertReport } from '../../report/policy/reports.ts';
import { entryPid } from '../plan.ts';
import { type DoorRequest, isOpen, type OpenDoors } from '../ports.ts';
import { readNodes } from '../read-nodes.ts';
import { sendAll } from '../watch.ts';
import { engineNotes } from './notes.ts';
import { enforcementOf, readAbout } from './read.ts';
import { type AssertRequest, blankReport, type FoundAssertion, failedReport, findAssertions } from './run-assert.ts';
import type { PolicyPorts } from './run-pair.ts';

/** Enough to see that an answer is no luck, few enough for a long list. */
const COUNT = 3;
const TIMEOUT_MS = 1000;

/** Of replicas that no policy can tell apart one pair is asked; of those that some policy can, this many. */
const MOST_PAIRS = 8;

/** One probe that an assertion needs, before it is known how its pod is entered. */
interface Wanted {
  assertion: number;
  flow: FlowCase['flow'];
}

const doorOf = ({ kind, node, nodeName, pod }: Party): DoorRequest | undefined => {
  const name = nodeName ?? node?.name;
  if (name === undefined || kind === 'outside') return undefined;
  return { node: name, ...(pod ? { pod: { namespace: pod.namespace, name: pod.name, uid: pod.uid } } : {}) };
};

const entranceOf = (from: Party, snapshots: readonly NodeSnapshot[]): ProbeRequest['from'] | string => {
  if (from.kind === 'node') return { netns: 'host' };
  const snapshot = snapshots.find(({ node }) => node === from.nodeName);
  if (!snapshot || !from.pod) return `node ${from.nodeName ?? '?'} could not be read`;
  const pid = entryPid(snapshot, from.pod.uid);
  return pid === undefined ? `no process of ${from.label} was found on ${from.nodeName}` : { netns: 'pid', pid };
};

const requestOf = ({ flow }: Wanted, id: number, from: ProbeRequest['from']): ProbeRequest => ({
  id: `${id + 1}`,
  purpose: 'main',
  node: flow.from.nodeName ?? '',
  from,
  fromLabel: flow.from.label,
  toLabel: flow.to.label,
  destination: flow.to.addressText ?? '',
  protocol: flow.protocol,
  ...(flow.port === undefined ? {} : { port: flow.port }),
  count: COUNT,
  timeoutMs: TIMEOUT_MS,
});

/** Packets that can really be sent: what only a Service's translation makes has no address of its own to be sent to. */
const wantedOf = (engine: Engine, facts: ClusterFacts, found: readonly FoundAssertion[]): Wanted[] =>
  found.flatMap(({ found: one }, assertion) => {
    if ('failed' in one) return [];
    const { from, to, protocol, port } = one.question;
    return flowsOf(engine, facts, from, to, { protocol, ...(port === undefined ? {} : { port }) })
      .filter(({ flow }) => !flow.hairpin && doorOf(flow.from) !== undefined && flow.to.addressText !== undefined)
      .slice(0, MOST_PAIRS)
      .map(({ flow }) => ({ assertion, flow }));
  });

const reportOf = (one: FoundAssertion, results: readonly ProbeResult[]): AssertionReport => {
  if ('failed' in one.found) return failedReport(one, one.found.failed);
  if (results.length === 0) return failedReport(one, `nothing can be sent from ${one.found.question.from.label} to ${one.found.to.label}`);
  const verdicts = results.map(probeVerdict);
  const kinds = [...new Set(verdicts.map(({ got }) => got))];
  const got = kinds.includes('unknown') ? 'unknown' : kinds.length > 1 ? 'mixed' : (kinds[0] ?? 'unknown');
  return { ...blankReport(one), got, pass: got === one.assertion.expect, why: [...new Set(verdicts.map(({ why }) => why))] };
};

/** The same list, answered by packets: who gets an answer, or a refusal of the far end's own, was let through. */
export const runAssertLive = async (request: AssertRequest, { open, ...ports }: PolicyPorts & { open: OpenDoors }): Promise<PolicyAssertReport> => {
  const { api, say, stopwatch, thorough } = ports;
  say('finding the ends');
  const found = await stopwatch.measure('find the ends', () => findAssertions(request, ports));
  const ends = found.flatMap((one) => ('question' in one.found ? [one.found.question.from, one.found.question.to] : []));
  const facts = await stopwatch.measure('read the API', () => readAbout(api, ends, thorough));
  const enforcement = enforcementOf(facts, request.cni);
  const engine = engineOf(facts, enforcement.plugin);
  const wanted = wantedOf(engine, facts, found);
  const nodes = [...new Map(wanted.flatMap(({ flow }) => doorOf(flow.from) ?? []).map((door) => [door.node, door])).values()];
  say(`entering ${nodes.map(({ node }) => node).join(', ')}`);
  const opened = await stopwatch.measure('start agents', () => open(nodes));
  const doors = opened.filter(isOpen);
  const closed = opened.flatMap((door) => (isOpen(door) ? [] : [`node ${door.node}: ${door.closed}`]));
  if (doors.length === 0 && closed.length > 0) throw new CliError(`error: no node could be entered: ${closed.join('; ')}`, EXIT.agent);
  const uids = wanted.flatMap(({ flow }) =>
    flow.from.pod && flow.from.kind === 'pod' ? [{ node: flow.from.nodeName, uid: flow.from.pod.uid }] : [],
  );
  const { snapshots, notChecked } = await stopwatch.measure('read nodes', () =>
    readNodes(doors, ({ node }) => ({ scope: 'attach', pods: [...new Set(uids.flatMap((one) => (one.node === node ? [one.uid] : [])))] })),
  );
  say('sending probes');
  const entrances = wanted.map(({ flow }) => entranceOf(flow.from, snapshots));
  const requests = wanted.flatMap((one, id) => {
    const from = entrances[id];
    return from === undefined || typeof from === 'string' ? [] : [requestOf(one, id, from)];
  });
  const results = await stopwatch.measure('probe', () => sendAll(doors, requests));
  const resultOf = (one: Wanted, id: number): ProbeResult => {
    const entrance = entrances[id];
    const refused = typeof entrance === 'string' ? entrance : 'no answer came back from the node';
    return (
      results.find((result) => result.request.id === `${id + 1}`) ?? { request: requestOf(one, id, { netns: 'host' }), attempts: [], notRun: refused }
    );
  };
  const all = wanted.map((one, id) => ({ assertion: one.assertion, result: resultOf(one, id) }));
  return {
    kind: 'PolicyAssertReport',
    time: ports.now().toISOString(),
    file: request.file,
    by: 'probes',
    enforcement,
    assertions: found.map((one, index) =>
      reportOf(
        one,
        all.flatMap(({ assertion, result }) => (assertion === index ? [result] : [])),
      ),
    ),
    findings: [],
    notChecked: [...facts.notRead, ...closed, ...notChecked, ...engineNotes(engine, enforcement)],
    timings: stopwatch.read(),
  };
};
