import type { Family } from '../../../src/node/snapshot.ts';
import type { Case, Line, Space, Xtables } from '../case.ts';
import type { Random } from '../random.ts';

/** A case in the making, with what its generators have to know of each other. */
export interface Draft {
  random: Random;
  families: Family[];
  spaces: Space[];
  lines: Line[];
  tags: Set<string>;
  /** Whether what is added now is the healthy network that twists come on top of. */
  wiring: boolean;
  underlay: 'switch' | 'router';
  nodes: NodeDraft[];
  pods: PodDraft[];
  services: ServiceDraft[];
}

export type ByFamily = Record<Family, string>;

export interface NodeDraft {
  name: string;
  index: number;
  address: ByFamily;
  podCidr: ByFamily;
  /** The device that leads to the other nodes. */
  uplink: string;
  /** Where its pods hang: on a bridge, each on a veth with a route of its own, or on the uplink itself. */
  style: 'bridge' | 'routed' | 'macvlan';
  /** Which of the two iptables its daemons use. */
  backend: 'legacy' | 'nft';
  /** All of the host's devices but loopback. */
  devices: string[];
  vxlan?: string;
}

export interface PodDraft {
  name: string;
  node: NodeDraft;
  address: ByFamily;
  hostDevice: string;
  mac: string;
}

export interface ServiceDraft {
  address: ByFamily;
  port: number;
  targetPort: number;
  protocol: 'tcp' | 'udp';
  endpoints: PodDraft[];
  nodePort?: number;
}

export const tag = (draft: Draft, ...words: string[]): void => {
  for (const word of words) draft.tags.add(word);
};

type PlainTool = Exclude<Line['tool'], Xtables>;

export const add = (draft: Draft, space: string, tool: PlainTool, ...texts: string[]): void => {
  for (const text of texts) draft.lines.push({ space, tool, text, ...(draft.wiring ? { wiring: true } : {}) });
};

/** Lines for one table of the iptables that the node uses. */
export const addRules = (draft: Draft, { space, family, backend, table }: RulesPlace, ...texts: string[]): void => {
  const tool: Xtables = `${family === 4 ? 'iptables' : 'ip6tables'}-${backend}`;
  for (const text of texts) draft.lines.push({ space, tool, table, text });
};

export interface RulesPlace {
  space: string;
  family: Family;
  backend: 'legacy' | 'nft';
  table: string;
}

/** `02:KIND:0:0:NODE:NUMBER`: locally administered, so that nobody else has it. */
export const macOf = (kind: number, node: number, number: number): string =>
  ['02', ...[kind, 0, 0, node, number].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');

/** Host route of an address: /32 or /128. */
export const single = (address: string, family: Family): string => `${address}/${family === 4 ? 32 : 128}`;

export const anywhere = (family: Family): string => (family === 4 ? '0.0.0.0/0' : '::/0');

export const hostsOf = (draft: Draft): string[] => draft.nodes.map(({ name }) => name);

export const finish = ({ spaces, lines, tags }: Draft, seed: number): Omit<Case, 'probes'> => ({ seed, tags: [...tags].sort(), spaces, lines });
