import type { Answer } from '../diagnosis/answers.ts';
import type { Finding } from '../diagnosis/finding.ts';
import type { Hop, Packet } from '../forwarding/hop.ts';
import type { Forecast } from '../forwarding/predict.ts';
import type { ProbeResult } from '../probe/probe.ts';
import type { Attachment } from '../topology/attachment.ts';
import type { DropsReport } from './drops-report.ts';
import type { AnyPolicyReport } from './policy/reports.ts';

/** What every report carries. The JSON and YAML outputs are this, with `apiVersion` and `kind` in front. */
export interface ReportBase {
  /** RFC 3339, UTC. */
  time: string;
  findings: Finding[];
  /** Each check that could not be made, and why. */
  notChecked: string[];
  /** Step → milliseconds of wall time. */
  timings: Record<string, number>;
}

export interface PathReport extends ReportBase {
  kind: 'PathReport';
  from: EndpointSummary;
  to: EndpointSummary;
  packet: Packet;
  /** `flannel vxlan · kube-proxy iptables`, from the node snapshots. */
  dataPlane: { cni: string; kubeProxy: string };
  /** What really happened to the main probe. */
  verdict: 'healthy' | 'broken' | 'intermittent' | 'unknown';
  hops: HopReport[];
  /** The way of the reply. */
  back: HopReport[];
  checks: ProbeResult[];
  /** Who sent the answers to the question, the refusals and ICMP errors too. */
  answers: Answer[];
  /** Where packet and prediction differ: the packet counts, the reader should know. */
  disagreements: string[];
  /** Commands that show the loss without netdoctor; empty when nothing is lost. */
  byHand: string[];
  /** How the nodes' clocks differ, as the probes tell; empty when no probe crossed both ways. */
  clocks: ClockOffset[];
  /** Where the reply takes another way than the request, as predicted; empty when it does not. */
  asymmetry: string[];
  /** Set when nothing was sent: all of this is a prediction. */
  model?: ModelReport;
}

/** What the forwarding model says of the question, where it alone was asked. */
export interface ModelReport {
  /** Commands that the nodes were taken to have run already. */
  whatIf: string[];
  /** Without those commands; absent when there are none. */
  before?: Forecast;
  after: Forecast;
  ways: ModelWay[];
  /** What the answer depends on and nobody could say. */
  doubts: string[];
}

/** One way a packet can take, there and back. */
export interface ModelWay {
  /** 0 to 1, of all packets; absent where nobody can know. */
  share?: number;
  /** What luck decided, or what is assumed. */
  by: string[];
  /** Where it leads: the address and port after all translations. */
  to: string;
  forecast: Forecast;
  /** Where it ends before it gets there. */
  stop?: { node: string; interface: string; message: string; decidedBy?: string };
}

/** The clock of `to` is so many microseconds ahead of that of `from`, give or take `boundMicros`. */
export interface ClockOffset {
  from: string;
  to: string;
  offsetMicros: number;
  boundMicros: number;
}

export interface EndpointSummary {
  label: string;
  kind: string;
  node?: string;
  address: string;
  port?: number;
  protocol?: string;
  chosen?: string;
}

export interface HopReport extends Hop {
  /** k of n probes seen here; absent when this place was not watched. */
  seen?: { k: number; n: number };
  /** Addresses and ports as captures saw them here, when they are not the predicted ones. */
  seenAs?: Pick<Packet, 'source' | 'destination' | 'sourcePort' | 'destinationPort'>;
  /** Why nothing can be said of this hop, when nothing can. */
  notVisible?: string;
  /** Microseconds since the hop before; from one node to the next as good as the clocks are known (`clocks`). */
  delayMicros?: number;
  /** What the kernel dropped behind this place, of the attempts that were lost. */
  dropped?: { k: number; n: number; reason?: string; function: string; hook?: string };
  /** Crossed by the packet though not predicted. */
  unpredicted?: boolean;
}

export interface VethReport extends ReportBase {
  kind: 'VethReport';
  rows: VethRow[];
  /** Holders of the interface or address asked for that are no pod: one line each. */
  strangers?: string[];
}

/** One interface of one pod, or one pod that has none of its own. */
export interface VethRow {
  namespace: string;
  pod: string;
  node?: string;
  phase: string;
  /** hostNetwork, Pending, finished…: the truthful reason there is no attachment. */
  note?: string;
  attachment?: Attachment;
}

export type Report = PathReport | VethReport | DropsReport | AnyPolicyReport;
