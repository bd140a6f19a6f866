import type { RuleRef } from '../forwarding/hop.ts';

/** `filter FORWARD #1`, `legacy filter INPUT`, `inet fw input handle 7`: where to look a rule or a chain's policy up. */
export const ruleName = ({ backend, table, chain, number }: Omit<RuleRef, 'text'>): string =>
  `${backend === 'iptables-legacy' ? 'legacy ' : ''}${table} ${chain}${number === undefined ? '' : backend === 'nft' ? ` handle ${number}` : ` #${number}`}`;

/** What to type, on the node, to take it away; a policy becomes ACCEPT. */
export const ruleRemoval = ({ backend, table, chain, number }: Omit<RuleRef, 'text'>, family: 4 | 6): string => {
  if (backend === 'nft')
    return number === undefined ? `nft add chain ${table} ${chain} '{ policy accept ; }'` : `nft delete rule ${table} ${chain} handle ${number}`;
  const program = `${family === 6 ? 'ip6tables' : 'iptables'}${backend === 'iptables-legacy' ? '-legacy' : ''}`;
  return number === undefined ? `${program} -t ${table} -P ${chain} ACCEPT` : `${program} -t ${table} -D ${chain} ${number}`;
};

/** Chains an agent writes: deleting a rule there lasts until its next round. */
const OWNERS: [RegExp, string][] = [
  [/^KUBE-/, 'kube-proxy'],
  [/^cali-|-cali-/, 'Calico (a network policy, most likely)'],
  [/^CILIUM_/, 'Cilium'],
  [/^FLANNEL-/, 'flannel'],
  [/^OVN-/, 'kube-ovn'],
  [/^DOCKER/, 'Docker'],
  [/^(ufw|ufw6)-/, 'ufw'],
];

export const ruleOwnerNote = (chain: string): string[] => {
  const [, owner] = OWNERS.find(([pattern]) => pattern.test(chain)) ?? [];
  return owner === undefined ? [] : [`The chain ${chain} is written by ${owner}, which would put the rule back.`];
};
