import type { Answer } from '../../../src/diagnosis/answers.ts';
import type { Hook } from '../../../src/diagnosis/drops/meaning.ts';
import type { Finding } from '../../../src/diagnosis/finding.ts';
import type { Decision, Packet, Stop, StopReason } from '../../../src/forwarding/hop.ts';
import type { Forecast } from '../../../src/forwarding/predict.ts';
import type { LinkStats } from '../../../src/node/snapshot.ts';
import type { Attempt, Outcome, ProbePurpose, ProbeRequest, ProbeResult } from '../../../src/probe/probe.ts';
import type { DropFlow, DropRow, DropRule, DropsReport } from '../../../src/report/drops-report.ts';
import type { ClockOffset, EndpointSummary, HopReport, ModelReport, ModelWay, PathReport, VethReport, VethRow } from '../../../src/report/report.ts';
import type { Attachment } from '../../../src/topology/attachment.ts';

/** All words of a union, or it does not compile: a list here cannot fall behind its type. */
export const all =
  <Union extends string>() =>
  <const List extends readonly Union[]>(list: Exclude<Union, List[number]> extends never ? List : never): string[] =>
    [...(list as List)].sort();

/** Properties of a path report and of what it holds, by the names of the schema's definitions. */
export const inPathReport: Record<string, string[]> = {
  endpoint: all<keyof EndpointSummary>()(['label', 'kind', 'node', 'address', 'port', 'protocol', 'chosen']),
  packet: all<keyof Packet>()([
    ...(['source', 'destination', 'protocol', 'sourcePort', 'destinationPort', 'length'] as const),
    ...(['ttl', 'dontFragment', 'tcpFlags', 'icmp', 'tos', 'mark', 'uid', 'gid'] as const),
  ]),
  hop: all<keyof HopReport>()([
    'node',
    'netns',
    'where',
    'interface',
    'ifindex',
    'direction',
    'what',
    'packet',
    'tunnel',
    'decisions',
    'stop',
    'unsure',
    'assumed',
    'seen',
    'notVisible',
    'delayMicros',
    'dropped',
    'seenAs',
    'unpredicted',
  ]),
  decision: all<keyof Decision>()(['by', 'object']),
  stop: all<keyof Stop>()(['reason', 'message', 'decidedBy', 'facts', 'because']),
  check: all<keyof ProbeResult>()(['request', 'attempts', 'notRun', 'predicted']),
  probeRequest: all<keyof ProbeRequest>()([
    'id',
    'purpose',
    'node',
    'from',
    'fromLabel',
    'toLabel',
    'destination',
    'protocol',
    'port',
    'query',
    'size',
    'echoBytes',
    'count',
    'timeoutMs',
  ]),
  attempt: all<keyof Attempt>()(['outcome', 'rttMicros', 'sourcePort', 'mark', 'from', 'detail', 'mtu']),
  answer: all<keyof Answer>()(['what', 'attempts', 'node', 'netns', 'where', 'interface', 'how', 'mac', 'owner', 'icmp']),
  clock: all<keyof ClockOffset>()(['from', 'to', 'offsetMicros', 'boundMicros']),
  finding: all<keyof Finding>()(['code', 'severity', 'confidence', 'title', 'hop', 'place', 'evidence', 'fix', 'manifest', 'notes']),
  model: all<keyof ModelReport>()(['whatIf', 'before', 'after', 'ways', 'doubts']),
  modelWay: all<keyof ModelWay>()(['share', 'by', 'to', 'forecast', 'stop']),
  forecast: all<keyof Forecast>()(['ok', 'refused', 'timeout', 'unreachable', 'unknown']),
};

export const inVethReport: Record<string, string[]> = {
  row: all<keyof VethRow>()(['namespace', 'pod', 'node', 'phase', 'note', 'attachment']),
  attachment: all<keyof Attachment>()(['netns', 'pid', 'interface', 'peer', 'attached', 'hostRoute', 'disagreements']),
  linkStats: all<keyof LinkStats>()([
    'rxPackets',
    'rxBytes',
    'rxErrors',
    'rxDropped',
    'rxOtherhost',
    'txPackets',
    'txBytes',
    'txErrors',
    'txDropped',
  ]),
  finding: all<keyof Finding>()(['code', 'severity', 'confidence', 'title', 'hop', 'place', 'evidence', 'fix', 'manifest', 'notes']),
};

export const inDropsReport: Record<string, string[]> = {
  row: all<keyof DropRow>()([
    ...(['severity', 'code', 'what', 'why', 'where', 'interface', 'direction', 'reason', 'function', 'hook', 'rule'] as const),
    ...(['count', 'perSecond', 'flows', 'moreFlows'] as const),
  ]),
  rule: all<keyof DropRule>()(['backend', 'table', 'chain', 'number', 'text', 'packets', 'bytes', 'sure']),
  flow: all<keyof DropFlow>()(['source', 'destination', 'protocol', 'sourcePort', 'destinationPort', 'count']),
  finding: inVethReport.finding ?? [],
};

export const dropsReport = all<keyof DropsReport>()([
  'kind',
  'time',
  'node',
  'pod',
  'seconds',
  'seenBy',
  'rows',
  'findings',
  'notChecked',
  'timings',
]);

export const hooks = all<Hook>()(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING', 'ingress', 'egress', 'bridge']);

export const pathReport = all<keyof PathReport>()([
  'kind',
  'time',
  'from',
  'to',
  'packet',
  'dataPlane',
  'verdict',
  'hops',
  'back',
  'checks',
  'answers',
  'clocks',
  'asymmetry',
  'model',
  'disagreements',
  'byHand',
  'findings',
  'notChecked',
  'timings',
]);

export const vethReport = all<keyof VethReport>()(['kind', 'time', 'rows', 'strangers', 'findings', 'notChecked', 'timings']);

export const stopReasons = all<StopReason>()([
  'link-down',
  'no-carrier',
  'no-device',
  'no-route',
  'blackhole',
  'unreachable',
  'prohibit',
  'no-neighbour',
  'no-fdb',
  'no-receiver',
  'otherhost',
  'no-tunnel-device',
  'bridge-port',
  'forwarding-off',
  'reverse-path',
  'martian-source',
  'rule',
  'policy',
  'reject',
  'queue',
  'not-translated',
  'astray',
  'no-translation',
  'martian-destination',
  'vlan',
  'tc',
  'no-peer',
  'too-big',
  'ttl',
  'program',
  'loop',
]);

export const outcomes = all<Outcome>()([
  'answered',
  'refused',
  'timeout',
  'unreachable',
  'no-route',
  'reset',
  'prohibited',
  'dns-error',
  'send-failed',
]);

export const purposes = all<ProbePurpose>()([
  'main',
  'main-icmp',
  'full-size',
  'size-search',
  'pod-to-own-node',
  'pod-to-far-node',
  'far-node-to-pod',
  'own-node-to-pod',
  'node-to-node',
  'pod-to-service',
  'pod-to-endpoint',
  'pod-to-dns',
]);
