import type { Hop } from '../forwarding/hop.ts';
import type { Sighting } from '../probe/observation.ts';
import type { Dissected } from '../probe/tap/dissect.ts';

/** An interface of a network namespace of a node. */
export interface CapturePlace {
  node: string;
  /** Inode. */
  netns: string;
  /** `host`, `pod default/web-0`. */
  where: string;
  interface: string;
  ifindex?: number;
}

/** A place of the predicted way. */
export interface HopMatch {
  way: 'there' | 'back';
  /** Which of the ways, where there are several. */
  route: number;
  /** From 1. */
  number: number;
  /** Hops of that way. */
  of: number;
  hop: Hop;
}

/** Which probe a packet belongs to. */
export interface ProbeMatch {
  /** From 1. */
  attempt: number;
  of: number;
  what: Sighting['what'];
}

/** One packet at one place, on the first node's clock. */
export interface CapturedPacket {
  place: CapturePlace;
  /** LINKTYPE_* of `bytes`. */
  linktype: number;
  nanos: bigint;
  bytes: Buffer;
  /** On the wire. */
  length: number;
  direction: 'in' | 'out';
  dissected?: Dissected;
  /** Absent where the model did not expect it. */
  hop?: HopMatch;
  probe?: ProbeMatch;
}

export const placeKey = ({ node, netns, interface: name, ifindex }: CapturePlace): string => [node, netns, ifindex ?? name].join(' ');

/** `node1/host/cni0`, `node1/default/web-0/eth0` */
export const placeName = ({ node, where, interface: name }: CapturePlace): string => `${node}/${where.replace(/^(pod|netns) /, '')}/${name}`;
