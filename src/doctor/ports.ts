import type { CollectRequest } from '../node/collect.ts';
import type { RawCollection } from '../node/raw.ts';
import type { ProbeRequest, ProbeResult } from '../probe/probe.ts';
import type { ArmedRuleTrace } from '../probe/rules/arm-rule-trace.ts';
import type { PacketStream, StreamOptions } from '../probe/stream/open-stream.ts';
import type { TapFilter } from '../probe/tap/capture-filter.ts';
import type { ProbeKey } from '../probe/tap/probe-keys.ts';
import type { TapRaw, TapRequest } from '../probe/tap/tap-output.ts';
import type { ArmedWatch, WatchRequest } from '../probe/watch/arm-watch.ts';

/** All that a run does to one node. A live agent, a recording agent and a bundle stand behind it alike. */
export interface NodeDoor {
  readonly node: string;
  /** `pod`: an ephemeral container, which sees its own pod only. */
  readonly reach: 'node' | 'pod';
  collect: (request: CollectRequest) => Promise<RawCollection>;
  probe: (requests: ProbeRequest[]) => Promise<ProbeResult[]>;
  /** Changes packet-processing state for as long as it runs: only for who asked for it. */
  traceRules: () => Promise<ArmedRuleTrace>;
  /** What the kernel drops, whatever the traffic, until it is stopped. */
  watchDrops: (request: WatchRequest) => Promise<ArmedWatch>;
  /** `lengths`: follow packets of these sizes to where the kernel drops them; asked for when stopped. */
  tap: (requests: TapRequest[], filter: TapFilter, lengths: number[]) => Promise<{ stop: (wanted?: { drops: boolean }) => Promise<TapRaw> }>;
}

/** What only a node that is really there can do. */
export interface LiveDoor extends NodeDoor {
  /** `onPlan` is told, before anything is sent, what will tell the attempts in a capture. */
  probe: (requests: ProbeRequest[], onPlan?: (keys: ProbeKey[]) => void) => Promise<ProbeResult[]>;
  /** A capture whose packets come as they are seen; a string says why there is none. */
  stream: (tap: TapRequest, options: StreamOptions) => Promise<PacketStream | string>;
  /** Ends captures when they have given what they saw; never throws. */
  stopStreams: (streams: PacketStream[]) => Promise<void>;
  /** Why the node's libpcap does not take an expression. */
  filterProblem: (expression: string) => Promise<string | undefined>;
}

/** Who asks to enter a node: the pod matters to an ephemeral container only. */
export interface DoorRequest {
  node: string;
  pod?: { namespace: string; name: string; uid: string };
}

/** Opens nodes, all at once; a node that cannot be entered comes back as the reason. */
export type OpenDoors<Door extends NodeDoor = NodeDoor> = (requests: DoorRequest[]) => Promise<(Door | ClosedDoor)[]>;

export interface ClosedDoor {
  node: string;
  closed: string;
}

export const isOpen = <Door extends NodeDoor>(door: Door | ClosedDoor): door is Door => !('closed' in door);
