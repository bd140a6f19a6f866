import type { LinkStats } from '../node/snapshot.ts';

/** Where one interface of one pod hangs on its node, by kernel facts. */
export interface Attachment {
  /** Netns inode the interface lives in. */
  netns: string;
  pid?: number;
  interface: { name: string; ifindex: number; kind: string; mac?: string; mtu: number; addresses: string[]; up: boolean; stats?: LinkStats };
  /** Absent for what has no far end on the node (macvlan, SR-IOV VF, tap) or was not found (then a disagreement says so). */
  peer?: { name: string; ifindex: number; mac?: string; mtu: number; up: boolean; stats?: LinkStats };
  attached:
    | { how: 'bridge'; bridge: string; portState: string }
    | { how: 'ovs'; bridge: string; ofport?: number }
    | { how: 'routed' }
    | { how: 'parent'; device: string; kind: string }
    | { how: 'loose'; why: string };
  /** The host route that carries packets to this interface's primary address, as `ip route` prints it. */
  hostRoute?: string;
  /** Two sources of the same fact that do not agree, or a fact that should be there and is not. */
  disagreements: Disagreement[];
}

export interface Disagreement {
  /** Stable word: `peer-index`, `no-peer`, `no-host-route`, `route-device`, `fdb-port`, `address`, `mac`… */
  about: string;
  message: string;
}
