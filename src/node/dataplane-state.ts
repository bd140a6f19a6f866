/** What Open vSwitch, OVN and Cilium keep beside the kernel's own tables. */

export interface OvsState {
  /** Bridge → ports. */
  bridges: { name: string; datapathType: string; ports: OvsPort[] }[];
}

export interface OvsPort {
  name: string;
  ofport?: number;
  ifindex?: number;
  kind: string;
  externalIds: Record<string, string>;
  options: Record<string, string>;
  error?: string;
  /** Absent where no switch was asked. */
  counters?: OvsPortCounters;
}

/** Since the port was added, from the switch's side: `rx` came in by the port, `tx` went out of it. */
export interface OvsPortCounters {
  rx: OvsCount;
  tx: OvsCount;
}

/** A figure is absent where this kind of port counts no such thing, as patch ports no drops. */
export interface OvsCount {
  packets?: number;
  bytes?: number;
  dropped?: number;
  errors?: number;
}

export interface OvnState {
  /** Of the northbound database on this node; empty where it is on another one. */
  acls: OvnAcl[];
  portGroups: { name: string; acls: string[]; externalIds: Record<string, string> }[];
  /** Flows of br-int that drop, or log what is dropped. */
  drops: OvsFlow[];
  /** OpenFlow port of br-int → what OVN calls the packets that come from it. */
  ports: { ofport: number; datapath: string; key: string }[];
}

/** A row of the northbound database's table ACL (ovn-nb(5)). */
export interface OvnAcl {
  uuid: string;
  name?: string;
  /** `to-lport`: into a pod; `from-lport`: out of one. */
  direction: string;
  priority: number;
  action: string;
  match: string;
  externalIds: Record<string, string>;
}

/** A flow as `ovs-ofctl dump-flows` prints it (ovs-ofctl(8)). */
export interface OvsFlow {
  cookie: string;
  table: number;
  priority: number;
  /** `reg15=0x3`, `metadata=0x3`…, in order. */
  match: string[];
  actions: string;
  packets: number;
  bytes: number;
}

export interface CiliumState {
  /** The map cilium_metrics: what was forwarded or dropped, and why, since the node started. */
  metrics: { reason: string; direction: 'ingress' | 'egress'; packets: number; bytes: number }[];
  endpoints: CiliumEndpoint[];
  /** The maps cilium_policy_*; an entry that counts nothing has no counter. */
  policy: CiliumPolicyEntry[];
  /** Numeric security identity → labels. */
  identities: Record<string, string[]>;
}

export interface CiliumEndpoint {
  id: string;
  /** `namespace/name` */
  pod?: string;
  identity?: number;
  /** Policies that its rules come from; one that only isolates has no rule. */
  policies: { direction: 'ingress' | 'egress'; kind: string; namespace?: string; name: string }[];
}

export interface CiliumPolicyEntry {
  endpoint: string;
  direction: 'ingress' | 'egress';
  deny: boolean;
  /** 0: anybody. */
  identity: number;
  /** IP protocol number; 0: any. */
  protocol: number;
  /** 0: any. */
  port: number;
  packets?: number;
}
