/** What a report has to say first of an incident that has to do with policies, and how it was asked. */
export interface PolicyExpected {
  question: string[];
  /** Code and confidence. */
  found: string;
  title: RegExp;
  /** Lines of the evidence on nodes where Felix enforces. */
  evidence: RegExp[];
  /** Where it applies, if not everywhere. */
  only?: 'felix';
}

const toServer = ['demo/client-node1', 'demo/server-node2'];

/** Where an event of the kernel was missed, as on a very busy machine, it is told without the probes. */
const COUNTED = /its counter rose by (exactly the 5 (lost )?probes|\d+ packets, \d+ bytes while)/;

export const POLICY_EXPECTED: Record<string, PolicyExpected> = {
  'namespace-isolated': {
    question: ['ingress-nginx/controller', 'demo/web-node2'],
    found: 'ND5001 certain',
    title:
      /^Dropped on node2 (before cali[0-9a-f]{11} )?by policy: NetworkPolicy demo\/workspace-isolation selects demo\/web-node2 and has no rule for ingress-nginx\/controller at TCP 8080\.$/,
    evidence: [
      /^calico on node2 denies it by (ip6tables )?filter cali-tw-cali[0-9a-f]{11} #\d+: "End of tier default\. Drop if no policies passed packet"/,
      COUNTED,
    ],
  },
  'namespace-isolated-service': {
    question: ['ingress-nginx/controller', 'demo/svc/web'],
    found: 'ND5001 certain',
    title: /^Dropped on node\d (before cali[0-9a-f]{11} )?by policy: NetworkPolicy demo\/workspace-isolation selects demo\/web-/,
    evidence: [/^calico on node\d denies it by (ip6tables )?filter cali-tw-cali/],
  },
  'policy-not-yet-on-node': {
    question: toServer,
    found: 'ND5003 certain',
    title: /^NetworkPolicy demo\/servers should deny demo\/client-node1 → demo\/server-node2 TCP 8080, and it passes\.$/,
    evidence: [/^NetworkPolicy demo\/servers selects demo\/server-node2 for ingress, and node2 has no rules of it$/],
  },
  'policy-of-yesterday-on-node': {
    question: toServer,
    found: 'ND5002 certain',
    title: /^The policies allow demo\/client-node1 → demo\/server-node2 TCP 8080, and \S+ on node2 drops it by their rules/,
    evidence: [COUNTED],
  },
  'policy-deleted-rules-stay': {
    question: toServer,
    found: 'ND5004 certain',
    title: /^calico on node2 still has rules of NetworkPolicy demo\/servers, which does not exist, and drops demo\/client-node1 → demo\/server-node2/,
    evidence: [COUNTED],
    only: 'felix',
  },
  'pod-not-programmed': {
    question: ['demo/client-node1', 'demo/late'],
    found: 'ND5006 certain',
    title: /^Calico on node2 has no rules for cali[0-9a-f]{11}, the interface of demo\/late, and drops all that comes from it or goes to it\.$/,
    evidence: [
      /^(ip6tables )?filter cali-to-wl-dispatch(-\w)? #\d+: "Unknown interface"; its counter rose by (exactly the 5 (lost )?probes|\d+ packets)/,
    ],
    only: 'felix',
  },
};
