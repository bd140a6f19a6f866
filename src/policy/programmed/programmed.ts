import type { NodeSnapshot } from '../../node/snapshot.ts';
import type { Direction, PolicyRef } from '../model.ts';
import type { Party } from '../party.ts';
import type { Side } from '../verdict.ts';

/** What is to be found on a node: how it carries out the policies of one of its pods in one direction. */
export interface Wanted {
  snapshot: NodeSnapshot;
  /** The same node before the probes. */
  before?: NodeSnapshot;
  direction: Direction;
  /** Other nodes that were read: one of them may have what all share. */
  around?: readonly NodeSnapshot[];
  /** The pod whose policies these are. */
  subject: Party;
  far: Party;
  side: Side;
  /** Policies that select it in this direction. */
  selecting: readonly PolicyRef[];
  protocol: string;
  port?: number;
}

/** A policy as the node has it. */
export interface Carried {
  /** How the node calls it: a chain, a port group. */
  place: string;
  /** Absent: no policy of the cluster is known that would be called so. */
  ref?: PolicyRef;
  /** What the node itself says whose it is. */
  said?: string;
}

/** Packets that a rule has counted. */
export interface Counted {
  before?: number;
  after: number;
}

/** The rule by which a node denies what its policies do not allow. */
export interface Programmed {
  node: string;
  /** `filter cali-tw-cali173f042b01 #7`, `ip6tables filter cali-tw-…` where another family has one of that name, `br-int table 46 priority 3000` */
  place: string;
  /** The rule in the node's own words. */
  text: string;
  /** The interface that what was denied never came out of. */
  interface?: string;
  counter?: Counted;
  carried: Carried[];
  /** Whether `carried` is all that the node has for this pod and direction. */
  complete: boolean;
  notes: string[];
}

export const rose = ({ before, after }: Counted): number => after - (before ?? 0);
