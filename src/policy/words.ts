import { type PolicyRef, refText } from './model.ts';
import type { Flow, Reason, Side, Step } from './verdict.ts';

/** `TCP 5432`, `ICMP`, `UDP` when no port was said. */
export const packetText = ({ protocol, port }: Pick<Flow, 'protocol' | 'port'>): string =>
  protocol === 'icmp' || port === undefined ? protocol.toUpperCase() : `${protocol.toUpperCase()} ${port}`;

const MOST_NAMED = 3;

/** `a, b and 4 more` */
export const listText = (names: readonly string[], most = MOST_NAMED): string => {
  const shown = names.length > most + 1 ? names.slice(0, most) : names;
  const rest = names.length - shown.length;
  if (rest > 0) return `${shown.join(', ')} and ${rest} more`;
  return shown.length < 2 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
};

export const refsText = (refs: readonly PolicyRef[]): string => listText([...new Set(refs.map(refText))]);

const ruleText = ({ rule, ruleName }: { rule: string; ruleName?: string }): string => (ruleName === undefined ? rule : `${rule} "${ruleName}"`);

const isolation = (policies: readonly PolicyRef[]): string =>
  `${refsText(policies)} ${policies.length === 1 ? 'selects' : 'select'} it, and no rule allows this`;

/** Why one end allows or denies, as half a sentence: `rule ingress[0] of NetworkPolicy shop/web allows it`. */
export const reasonText = (reason: Reason, verdict: Side['verdict']): string => {
  switch (reason.is) {
    case 'rule':
      return `rule ${ruleText(reason)} of ${refText(reason.policy)} ${verdict === 'allow' ? 'allows' : 'denies'} it`;
    case 'isolated':
      return isolation(reason.policies);
    case 'tier-default':
      // the tier that Kubernetes' own policies are in need not be explained
      return reason.tier === 'default'
        ? isolation(reason.policies)
        : `${refsText(reason.policies)} in tier ${reason.tier} ${reason.policies.length === 1 ? 'selects' : 'select'} it, no rule there matches, and a tier denies at its end`;
    default:
      return reason.text;
  }
};

/** The policies a reason names. */
export const policiesOf = (reason: Reason): PolicyRef[] => {
  if (reason.is === 'rule') return [reason.policy];
  return reason.is === 'isolated' || reason.is === 'tier-default' ? reason.policies : [];
};

/** What a step did, for a table's cell: `allow`, `no match: port 8080 ≠ 80`. */
export const outcomeText = ({ outcome, why }: Pick<Step, 'outcome' | 'why'>): string => {
  const word = outcome === 'no-match' ? 'no match' : outcome === 'not-enforced' ? 'not enforced' : outcome;
  return why === undefined ? word : `${word}: ${why.text}`;
};

/** `ingress[0] "from-web" peer 1 port 0`; `-` when no rule came near. */
export const placeText = ({ rule, ruleName, peer, port }: Step): string => {
  if (rule === undefined) return '-';
  return [
    ruleText({ rule, ...(ruleName === undefined ? {} : { ruleName }) }),
    ...(peer === undefined ? [] : [`peer ${peer}`]),
    ...(port === undefined ? [] : [`port ${port}`]),
  ].join(' ');
};

/** `svc shop/db` → `shop/svc/db`: a label as it is typed, whatever namespace one is in. */
const typed = (label: string): string =>
  label.replace(/^node (\S+)$/, 'node/$1').replace(/^(svc|deployment|statefulset|daemonset|replicaset|job) ([^/\s]+)\/(\S+)$/, '$2/$1/$3');

/** `shop/web-0 shop/svc/db --port 5432 --protocol udp`: a question to be typed again, by the labels of its ends. */
export const questionText = (from: string, to: string, { protocol, port }: Pick<Flow, 'protocol' | 'port'>): string =>
  [typed(from), typed(to), ...(port === undefined ? [] : [`--port ${port}`]), ...(protocol === 'tcp' ? [] : [`--protocol ${protocol}`])].join(' ');
