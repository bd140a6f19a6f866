import type { NamespaceFacts } from '../cluster/facts.ts';
import type { Party } from './party.ts';
import type { PortSet } from './port-set.ts';

export type Direction = 'ingress' | 'egress';

/** `pass` hands on to the next tier, `log` only takes note. */
export type Action = 'allow' | 'deny' | 'pass' | 'log';

/** A policy as a person would look it up. */
export interface PolicyRef {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
}

/** Why a part of a policy does not match, in the order of the parts. */
export type MissKind = 'no-rules' | 'subject' | 'family' | 'peer' | 'protocol' | 'named-port' | 'port' | 'elsewhere' | 'not-enforced';

export interface Miss {
  kind: MissKind;
  /** `label app=web, wanted api`, `port 8080 ≠ 80`. */
  text: string;
}

/** Whom a policy is about. */
export interface Subject {
  readonly text: string;
  /** The one namespace its pods are in, when there is only one. */
  readonly namespace?: string;
  matches: (party: Party) => boolean;
  miss: (party: Party) => string;
}

/** The far side of a rule, or in Calico's rules also the near one. Stateless, so that a rule of thousands of policies can share it. */
export interface Peer {
  readonly index: number;
  /** `pods app=web in namespaces team=a`, `10.0.0.0/8 except 10.1.0.0/16`. */
  readonly text: string;
  /** Peers of one key match the same parties, whoever the subject is; absent where that depends on the subject. */
  readonly key?: string;
  /** Pods it matches are in these namespaces; absent: any, or no pods at all. */
  readonly spaces?: (namespace: NamespaceFacts) => boolean;
  matches: (party: Party, subject: Party) => boolean;
  miss: (party: Party, subject: Party) => PeerMiss;
  /** Whether nobody can tell here who is meant (names in DNS, groups of a cloud), and who can. */
  readonly elsewhere?: string;
}

export interface PeerMiss {
  text: string;
  /** How far it got: 0 nothing fits, 1 the namespace does. */
  near: 0 | 1;
}

/** What a rule says of protocol and port. Ports are the destination's: a name means what the destination pod calls so. */
export interface Traffic {
  readonly index: number;
  /** `TCP 80`, `TCP http`, `UDP 5000-6000`. */
  readonly text: string;
  /** The port names it uses. */
  readonly names: readonly string[];
  /** What it takes is not the same at every destination. */
  readonly perDestination?: boolean;
  ports: (destination: Party) => PortSet;
  /** What decides further where this allows: `HTTP rules`. */
  readonly elsewhere?: string;
}

export interface Rule {
  /** Position in its list, from 0. */
  readonly index: number;
  /** `ingress[0]`, `ingressDeny[1]`. */
  readonly at: string;
  readonly name?: string;
  readonly action: Action;
  /** Any of them; empty: everybody. */
  readonly peers: readonly Peer[];
  /** Any of them; empty: all traffic. */
  readonly traffic: readonly Traffic[];
  /** What it demands of its own subject besides (Calico). */
  readonly own?: Peer;
  readonly family?: 4 | 6;
  /** Something of it decides elsewhere, or cannot be told from here. */
  readonly elsewhere?: string;
}

export interface Policy {
  readonly ref: PolicyRef;
  readonly tier: string;
  /** Its place in the tier, smaller first; equal ones by `rank`. */
  readonly order: number;
  /** Breaks ties as the implementation does. */
  readonly rank: string;
  readonly subject: Subject;
  /** Absent: it says nothing about this direction. */
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
  /** Whether being selected means that what nobody allows is denied. */
  readonly isolates: Readonly<Record<Direction, boolean>>;
  /** It acts also on what the nodes it selects forward to and from pods (Calico). */
  readonly onForward?: true;
  /** Why nothing enforces it: it is staged, or for another data plane. */
  readonly notEnforced?: string;
}

/**
 * How the policies of one tier make up a verdict. `union`: any of them that allows, allows, and being selected isolates (NetworkPolicy).
 * `ordered`: the first rule that matches, in order, decides (admin policies, Calico). `deny-first`: a rule that denies beats every one that
 * allows (Cilium).
 */
export type TierMode = 'union' | 'ordered' | 'deny-first';

export interface Tier {
  readonly name: string;
  readonly mode: TierMode;
  /** What becomes of traffic that no rule of a selecting policy matched; `none`: the tier says nothing. */
  readonly end: 'deny' | 'pass' | 'none';
  readonly policies: readonly Policy[];
}

export const refText = ({ kind, namespace, name }: PolicyRef): string => `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
