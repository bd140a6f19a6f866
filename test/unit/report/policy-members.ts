import type { Finding } from '../../../src/diagnosis/finding.ts';
import type { Miss, MissKind, PolicyRef } from '../../../src/policy/model.ts';
import type { Doubt, Reason, Side, Step } from '../../../src/policy/verdict.ts';
import type {
  AssertionReport,
  Between,
  ConnectionChange,
  Enforcement,
  Exposure,
  FlowReport,
  MatrixGroup,
  PeerGroup,
  PolicyAssertReport,
  PolicyDiffReport,
  PolicyEnd,
  PolicyMatrixReport,
  PolicyPodReport,
  PolicyReport,
  Proof,
} from '../../../src/report/policy/reports.ts';
import { all } from './members.ts';

type KeysOf<Union> = Union extends unknown ? keyof Union : never;

const enforcement = all<keyof Enforcement>()(['plugin', 'signs']);
const finding = all<keyof Finding>()(['code', 'severity', 'confidence', 'title', 'hop', 'place', 'evidence', 'fix', 'manifest', 'notes']);

/** By the name of the schema: the properties of the report, and of what it holds by the names of the schema's definitions. */
export const policyReports: Record<string, { report: string[]; inside: Record<string, string[]> }> = {
  policy: {
    report: all<keyof PolicyReport>()([
      'kind',
      'time',
      'from',
      'to',
      'protocol',
      'port',
      'enforcement',
      'verdict',
      'flows',
      'proof',
      'findings',
      'notChecked',
      'timings',
    ]),
    inside: {
      end: all<keyof PolicyEnd>()(['label', 'kind', 'pods', 'note']),
      enforcement,
      flow: all<keyof FlowReport>()(['between', 'verdict', 'protocol', 'port', 'sides', 'doubts', 'allowed']),
      between: all<keyof Between>()(['from', 'to', 'addresses', 'sources', 'destinations', 'hairpin']),
      side: all<keyof Side>()(['direction', 'subject', 'verdict', 'reason', 'steps']),
      reason: all<KeysOf<Reason>>()(['is', 'policy', 'rule', 'ruleName', 'policies', 'tier', 'text']),
      step: all<keyof Step>()(['tier', 'policy', 'outcome', 'rule', 'ruleName', 'peer', 'port', 'why']),
      miss: all<keyof Miss>()(['kind', 'text']),
      policy: all<keyof PolicyRef>()(['apiVersion', 'kind', 'namespace', 'name']),
      doubt: all<keyof Doubt>()(['text', 'otherwise']),
      proof: all<keyof Proof>()(['from', 'to', 'answered', 'sent', 'agrees']),
      finding,
    },
  },
  'policy-pod': {
    report: all<keyof PolicyPodReport>()([
      'kind',
      'time',
      'pod',
      'addresses',
      'node',
      'enforcement',
      'ingress',
      'egress',
      'findings',
      'notChecked',
      'timings',
    ]),
    inside: {
      enforcement,
      exposure: all<keyof Exposure>()(['policies', 'restricted', 'peers']),
      peers: all<keyof PeerGroup>()(['kind', 'who', 'traffic', 'count']),
      finding,
    },
  },
  'policy-matrix': {
    report: all<keyof PolicyMatrixReport>()([
      'kind',
      'time',
      'namespace',
      'enforcement',
      'groups',
      'traffic',
      'cells',
      'findings',
      'notChecked',
      'timings',
    ]),
    inside: { enforcement, group: all<keyof MatrixGroup>()(['name', 'kind', 'members', 'pods']), finding },
  },
  'policy-diff': {
    report: all<keyof PolicyDiffReport>()([
      'kind',
      'time',
      'files',
      'enforcement',
      'objects',
      'changes',
      'compared',
      'findings',
      'notChecked',
      'timings',
    ]),
    inside: {
      enforcement,
      applied: all<keyof PolicyDiffReport['objects'][number]>()(['object', 'change']),
      change: all<keyof ConnectionChange>()(['from', 'to', 'before', 'after', 'lost', 'gained']),
      finding,
    },
  },
  'policy-assert': {
    report: all<keyof PolicyAssertReport>()(['kind', 'time', 'file', 'by', 'enforcement', 'assertions', 'findings', 'notChecked', 'timings']),
    inside: {
      enforcement,
      assertion: all<keyof AssertionReport>()(['name', 'line', 'from', 'to', 'protocol', 'port', 'expect', 'got', 'pass', 'why']),
      finding,
    },
  },
};

/** Words by schema, definition and property. */
export const policyWords: [schema: string, definition: string, property: string, words: string[]][] = [
  [
    'policy',
    'miss',
    'kind',
    all<MissKind>()(['no-rules', 'subject', 'family', 'peer', 'protocol', 'named-port', 'port', 'elsewhere', 'not-enforced']),
  ],
  ['policy', 'reason', 'is', all<Reason['is']>()(['rule', 'isolated', 'tier-default', 'default', 'exempt'])],
  ['policy', 'step', 'outcome', all<Step['outcome']>()(['allow', 'deny', 'pass', 'log', 'no-match', 'not-enforced'])],
  ['policy-assert', 'assertion', 'got', all<AssertionReport['got']>()(['allow', 'deny', 'mixed', 'unknown'])],
];
