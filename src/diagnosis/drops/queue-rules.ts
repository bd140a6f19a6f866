import type { Hop, RuleRef } from '../../forwarding/hop.ts';
import { objectOf } from '../../forwarding/netfilter/hook.ts';
import { refer } from '../../forwarding/netfilter/iptables/compile.ts';
import { nameAndBody } from '../../forwarding/netfilter/nft/json.ts';
import { referNft } from '../../forwarding/netfilter/nft/run.ts';
import { placeAt } from '../../forwarding/world.ts';
import type { Netns } from '../../node/snapshot.ts';
import type { Evidence } from '../evidence.ts';
import { ruleName } from '../rule-words.ts';
import { queuesIn, rangeWords, readingsIn } from './packet-queues.ts';

/** Rules of a namespace that hand packets to programs. */
const queueRules = ({ netfilter: { iptables, nft } }: Netns): RuleRef[] => [
  ...iptables.flatMap((table) =>
    table.chains.flatMap(({ name, rules }) =>
      rules.filter(({ target }) => target === 'NFQUEUE' || target === 'QUEUE').map((rule) => refer(table, name, rule)),
    ),
  ),
  ...nft.flatMap((table) =>
    table.chains.flatMap((chain) =>
      chain.rules.filter(({ expr }) => expr.some((one) => nameAndBody(one)[0] === 'queue')).map((rule) => referNft(table, chain, rule)),
    ),
  ),
];

/** The rule that hands a packet on this hop of its predicted way to a queue, and lets it go on if the program does. */
export const queueRuleAt = (
  evidence: Pick<Evidence, 'snapshots' | 'facts'>,
  { node, netns, decisions = [] }: Hop,
): { ref: RuleRef; netns: Netns } | undefined => {
  const place = placeAt(evidence, node, netns ?? '');
  const objects = decisions.filter(({ by }) => by === 'rule').map(({ object }) => object);
  const ref = place && queueRules(place.netns).find((one) => objects.includes(objectOf(one)));
  return place && ref ? { ref, netns: place.netns } : undefined;
};

/** Queues on the way that no program reads, and that packets pass by as their rule says bypass: whoever should judge them does not. */
export const passedBy = (evidence: Pick<Evidence, 'snapshots' | 'facts'>, hops: readonly Hop[]): string[] =>
  hops.flatMap((hop) => {
    const found = queueRuleAt(evidence, hop);
    const range = found && queuesIn(found.ref.text);
    if (!range || !found.netns.netfilter.queues || readingsIn(range, found.netns, undefined).length > 0) return [];
    const { ref } = found;
    return [
      `on ${hop.node} no program reads ${rangeWords(range)}, and the rule that hands it there lets it pass then (bypass): ${ruleName(ref)}: ${ref.text}`,
    ];
  });
