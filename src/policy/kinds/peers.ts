import type { NamespaceFacts } from '../../cluster/facts.ts';
import { contains, type Prefix, parsePrefix } from '../../forwarding/address.ts';
import type { Context } from '../context.ts';
import type { Peer, PeerMiss } from '../model.ts';
import type { Party } from '../party.ts';
import type { Selector } from '../selector/selector.ts';

const far = (text: string): PeerMiss => ({ text, near: 0 });

/** Why somebody is not a pod that selectors reach. */
export const notAPod = (party: Party): string => {
  if (party.pod) return `${party.label} is on the host network: to policies it is its node`;
  return party.kind === 'node' ? `${party.label} is a node, no pod` : `${party.label} is no pod of this cluster`;
};

const all = (selector: Selector, what: string): string => (selector.text === '' ? `all ${what}` : `${what} ${selector.text}`);

export interface PodsPeer {
  pods: Selector;
  /** In the policy's own namespace, or in those that are selected. */
  namespaces: { own: string } | { selected: Selector };
}

/** Notes which labels of pods matter. */
export const noteLabels = ({ reads }: Context, selector: Selector): void => {
  for (const key of selector.keys) reads.podLabels.add(key);
};

export const podsPeer = (context: Context, index: number, { pods, namespaces }: PodsPeer): Peer => {
  noteLabels(context, pods);
  const inSpace = (namespace: NamespaceFacts): boolean =>
    'own' in namespaces ? namespace.name === namespaces.own : namespaces.selected.matches(namespace.labels);
  const spacesText = 'own' in namespaces ? `namespace ${namespaces.own}` : all(namespaces.selected, 'namespaces');
  const text = `${all(pods, 'pods')} in ${spacesText}`;
  const negated = 'selected' in namespaces && namespaces.selected.text !== '' && namespaces.selected.matches({}) && pods.matches({});
  const unlabelled = negated && context.traits.negationTakesAll;
  return {
    index,
    text,
    key: `pods ${text}`,
    ...(unlabelled ? {} : { spaces: inSpace }),
    matches: (party) => (party.kind === 'pod' && party.namespace !== undefined ? inSpace(party.namespace) && pods.matches(party.labels) : unlabelled),
    miss: (party) => {
      if (party.kind !== 'pod' || !party.namespace) return far(notAPod(party));
      const { name, labels } = party.namespace;
      if ('own' in namespaces) {
        if (name !== namespaces.own) return far(`namespace ${name}, wanted ${namespaces.own} (a podSelector alone means the policy's own)`);
      } else if (!namespaces.selected.matches(labels)) return far(`namespace ${name}: ${namespaces.selected.miss(labels)}`);
      return { text: pods.miss(party.labels), near: 1 };
    },
  };
};

/** ADDRESS/LENGTH as the APIs take it: without a zone, and no mask written as an address. */
export const isNetwork = (text: string): boolean => /^[\da-fA-F:.]+\/\d{1,3}$/.test(text) && parsePrefix(text) !== undefined;

/** A CIDR as policies write them; a bare address is its own. Bits behind the prefix do not count, as the API server warns about them only. */
export const prefixOf = (context: Context, text: string): Prefix | undefined => {
  const prefix = parsePrefix(text);
  if (prefix) context.reads.prefixes.set(text, prefix);
  return prefix;
};

interface Block {
  cidr: string;
  prefix: Prefix;
  except: { cidr: string; prefix: Prefix }[];
}

const cidrText = (cidr: string, except: readonly string[]): string => (except.length === 0 ? cidr : `${cidr} except ${except.join(', ')}`);

/** Every address of a family lies in it, the unknown one of a manifest included. */
const isWhole = ({ prefix, except }: Block): boolean => prefix.length === 0 && except.length === 0;

const blockMiss = (party: Party, { cidr, prefix, except }: Block): string => {
  const { address, addressText } = party;
  if (!address) return `the address of ${party.label} is not known`;
  if (!contains(prefix, address)) return `${addressText} is not in ${cidr}`;
  const exception = except.find((one) => contains(one.prefix, address));
  return `${addressText} is excepted by ${exception?.cidr}`;
};

export interface AddressPeer {
  /** Which parties are known by their addresses at all. */
  reaches: (party: Party) => boolean;
  /** Why one is not. */
  beyond: (party: Party) => string;
}

/** Addresses in a block. Whether pods count by their addresses is the plugin's affair; so is it whether nodes do. */
export const cidrPeer = (context: Context, index: number, cidr: string, except: readonly string[], { reaches, beyond }: AddressPeer): Peer => {
  const prefix = prefixOf(context, cidr);
  const exceptions = except.flatMap((one) => {
    const parsed = prefixOf(context, one);
    return parsed ? [{ cidr: one, prefix: parsed }] : [];
  });
  const text = cidrText(cidr, except);
  if (!prefix) return nobody(index, text, `${cidr} is no network`);
  const block: Block = { cidr, prefix, except: exceptions };
  return {
    index,
    text,
    key: `block ${text}`,
    matches: (party) => {
      if (!reaches(party)) return false;
      const { address } = party;
      if (!address) return isWhole(block);
      return contains(prefix, address) && !exceptions.some((one) => contains(one.prefix, address));
    },
    miss: (party) => far(reaches(party) ? blockMiss(party, block) : beyond(party)),
  };
};

/** Matches nobody: what a rule means that an older reader cannot understand. */
export const nobody = (index: number, text: string, why: string): Peer => ({
  index,
  text,
  key: `nobody ${text}`,
  matches: () => false,
  miss: () => far(why),
});

/** Everybody: what a rule that denies means when it cannot be understood. */
export const everybody = (index: number, text: string): Peer => ({ index, text, key: 'everybody', matches: () => true, miss: () => far('') });

/** Only somebody else knows who is meant. */
export const elsewherePeer = (index: number, text: string, decider: string): Peer => ({
  index,
  text,
  key: `elsewhere ${text}`,
  matches: () => false,
  miss: () => far(`${text}: ${decider}`),
  elsewhere: decider,
});
