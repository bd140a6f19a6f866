import { hostNetns } from '../../forwarding/world.ts';
import type { IptablesRule, NftTable } from '../../node/netfilter-state.ts';
import { splitWords } from '../../node/parse/words.ts';
import type { Family, NodeSnapshot } from '../../node/snapshot.ts';

/** A chain of whichever firewall, as far as policies need it. */
export interface Chain {
  /** `filter`, `ip6tables filter`, `nft ip calico` */
  table: string;
  name: string;
  rules: ChainRule[];
}

export interface ChainRule {
  /** `#7` of iptables, `handle 12` of nftables. */
  at: string;
  comments: string[];
  /** `DROP`, `REJECT`, or the chain it jumps to. */
  target?: string;
  packets: number;
  /** Unmistakable in its chain, as long as the chain is not rewritten. */
  key: string;
}

const commentsOf = ({ text }: IptablesRule): string[] =>
  splitWords(text).flatMap((word, index, words) => (words[index - 1] === '--comment' ? [word] : []));

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

interface Read {
  target?: string;
  packets: number;
}

/** What an nftables rule does in the end (libnftables-json(5)). */
const readExpressions = (expressions: readonly unknown[]): Read => {
  const read: Read = { packets: 0 };
  for (const expression of expressions.filter(isRecord)) {
    const { counter, jump, goto } = expression as Record<string, Record<string, unknown> | undefined>;
    const target = jump?.target ?? goto?.target;
    if (counter) read.packets = Number(counter.packets ?? 0);
    else if ('drop' in expression) read.target = 'DROP';
    else if ('reject' in expression) read.target = 'REJECT';
    else if (typeof target === 'string') read.target = target;
  }
  return read;
};

/** Calico's table holds what are several tables in iptables, and calls its chains after them. */
const bare = (name: string): string => name.replace(/^filter-/, '');

const fromNft = ({ family, name, chains }: NftTable): Chain[] =>
  chains.map((chain) => ({
    table: `nft ${family} ${name}`,
    name: bare(chain.name),
    rules: chain.rules.map(({ handle, comment, expr }): ChainRule => {
      const { target, packets } = readExpressions(expr);
      return {
        at: `handle ${handle}`,
        // `cali:HASH; words`
        comments: comment?.split('; ') ?? [],
        ...(target === undefined ? {} : { target: bare(target) }),
        packets,
        key: `${handle}`,
      };
    }),
  }));

/** Chains of the host where packets are filtered, of iptables in both its worlds and of nftables. */
export const chainsOf = (snapshot: NodeSnapshot | undefined, family: Family): Chain[] => {
  const netfilter = snapshot && hostNetns(snapshot)?.netfilter;
  if (!netfilter) return [];
  const iptables = netfilter.iptables
    .filter((table) => table.table === 'filter' && table.family === family)
    .flatMap(({ backend, chains }) =>
      chains.map(
        ({ name, rules }): Chain => ({
          table: `${family === 6 ? 'ip6tables ' : ''}${backend === 'legacy' ? 'legacy ' : ''}filter`,
          name,
          rules: rules.map((rule) => ({
            at: `#${rule.number}`,
            comments: commentsOf(rule),
            ...(rule.target === undefined ? {} : { target: rule.target }),
            packets: rule.packets,
            key: `${rule.number} ${rule.text}`,
          })),
        }),
      ),
    );
  const nft = netfilter.nft.filter((table) => table.family === 'inet' || table.family === (family === 4 ? 'ip' : 'ip6'));
  return [...iptables, ...nft.flatMap(fromNft)];
};

export const isDenial = ({ target }: ChainRule): boolean => target === 'DROP' || target === 'REJECT';

/** What the same rule had counted in an earlier reading. */
export const packetsBefore = (before: readonly Chain[], { table, name }: Chain, { key }: ChainRule): number | undefined =>
  before.find((chain) => chain.table === table && chain.name === name)?.rules.find((rule) => rule.key === key)?.packets;
