import type { Endpoint } from '../cluster/endpoint.ts';
import type { ClusterFacts, PodFacts } from '../cluster/facts.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import type { VethRow } from '../report/report.ts';
import { duplicateAddress } from './causes/duplicate-address.ts';
import { podNamed } from './evidence.ts';
import type { Finding } from './finding.ts';

/** Documented in docs/codes.md beside the causes of `path`. */
export const ATTACHMENT_DISAGREES = {
  code: 'ND1900',
  summary: "Two sources of where a pod's interface hangs on its node do not agree, or one of them is missing.",
};

const disagreements = ({ namespace, pod, node, attachment }: VethRow): Finding[] =>
  attachment && attachment.disagreements.length > 0
    ? [
        {
          code: ATTACHMENT_DISAGREES.code,
          severity: 'warning',
          confidence: 'possible',
          title: `${namespace}/${pod} ${attachment.interface.name} does not hang on ${node ?? 'its node'} as it should.`,
          place: { ...(node === undefined ? {} : { node }), interface: attachment.peer?.name ?? attachment.interface.name },
          evidence: attachment.disagreements.map(({ message }) => message),
          fix: [`$ kubectl netdoctor path ${namespace}/${pod} node/${node ?? 'NODE'}`],
          notes: [],
        },
      ]
    : [];

/** The same judgement as that of a path that ends at this pod, from what the node says alone. */
const duplicates = (pod: PodFacts, snapshots: NodeSnapshot[], facts: ClusterFacts): Finding[] => {
  const end: Endpoint = { word: pod.name, kind: 'pod', label: podNamed(pod), ips: pod.ips, pod, backends: [], ports: [] };
  const draft = duplicateAddress.recognise({
    from: end,
    to: end,
    facts,
    snapshots,
    probes: [],
    walks: {},
    taps: [],
    drops: [],
    ruleTraces: [],
    attachments: [],
  });
  return draft ? [{ code: duplicateAddress.code, ...draft }] : [];
};

/** What is wrong with how pods hang on their nodes: addresses that somebody else holds too, then facts that contradict each other. */
export const attachmentFindings = (pods: PodFacts[], rows: VethRow[], snapshots: NodeSnapshot[], facts: ClusterFacts): Finding[] => [
  ...pods.flatMap((pod) => duplicates(pod, snapshots, facts)),
  ...rows.flatMap(disagreements),
];
