import type { CollectRequest } from '../node/collect.ts';
import type { RawCollection } from '../node/raw.ts';
import type { ProbeRequest, ProbeResult } from '../probe/probe.ts';
import type { ArmedRuleTrace } from '../probe/rules/arm-rule-trace.ts';
import type { TapFilter } from '../probe/tap/capture-filter.ts';
import type { TapRaw, TapRequest } from '../probe/tap/tap-output.ts';

/** All that a run does to one node. A live agent, a recording agent and a bundle stand behind it alike. */
export interface NodeDoor {
  readonly node: string;
  /** `pod`: an ephemeral container, which sees its own pod only. */
  readonly reach: 'node' | 'pod';
  collect: (request: CollectRequest) => Promise<RawCollection>;
  probe: (requests: ProbeRequest[]) => Promise<ProbeResult[]>;
  /** Changes packet-processing state for as long as it runs: only for who asked for it. */
  traceRules: () => Promise<ArmedRuleTrace>;
  /** `lengths`: follow packets of these sizes to where the kernel drops them; asked for when stopped. */
  tap: (requests: TapRequest[], filter: TapFilter, lengths: number[]) => Promise<{ stop: (wanted?: { drops: boolean }) => Promise<TapRaw> }>;
}

/** Who asks to enter a node: the pod matters to an ephemeral container only. */
export interface DoorRequest {
  node: string;
  pod?: { namespace: string; name: string; uid: string };
}

/** Opens nodes, all at once; a node that cannot be entered comes back as the reason. */
export type OpenDoors = (requests: DoorRequest[]) => Promise<(NodeDoor | ClosedDoor)[]>;

export interface ClosedDoor {
  node: string;
  closed: string;
}

export const isOpen = (door: NodeDoor | ClosedDoor): door is NodeDoor => !('closed' in door);
