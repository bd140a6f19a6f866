import type { RuleRef } from '../../forwarding/hop.ts';
import { refer } from '../../forwarding/netfilter/iptables/compile.ts';
import { nameAndBody } from '../../forwarding/netfilter/nft/json.ts';
import { referNft } from '../../forwarding/netfilter/nft/run.ts';
import type { Netns } from '../../node/snapshot.ts';

/** Rules of a namespace that hand packets to programs. */
export const queueRules = ({ netfilter: { iptables, nft } }: Netns): RuleRef[] => [
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
