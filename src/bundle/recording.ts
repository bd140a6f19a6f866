import type { ApiRecord } from '../cluster/api/reader.ts';
import type { RawCollection } from '../node/raw.ts';
import type { ProbeRecord } from '../probe/live/run-probes.ts';
import type { RuleTraceRaw } from '../probe/rules/rule-trace.ts';
import type { TapRaw } from '../probe/tap/tap-output.ts';
import type { WatchRaw } from '../probe/watch/watch-output.ts';

/** Everything a run was told, as it was told: with the same words it judges to the same report. */
export interface Recording {
  meta: RecordingMeta;
  /** What the API server was asked and said. */
  api: ApiRecord[];
  doors: { node: string; reach: 'node' | 'pod' }[];
  /** Nodes that could not be entered, and why. */
  closed: { node: string; closed: string }[];
  collections: RawCollection[];
  probes: ProbeRecord[];
  taps: TapRaw[];
  /** Rules that the probes met, where that was asked for. */
  rules: RuleTraceRaw[];
  /** What kernels dropped, where that was the question. */
  drops: WatchRaw[];
}

export interface RecordingMeta {
  /** Raised when an older reader would misread it. */
  format: 1;
  version: string;
  time: string;
  command: string;
  /** What the run was asked, flags resolved. */
  request: Record<string, unknown>;
  /** SessionMark number, which names the probes in captures. */
  mark: number;
}

export const emptyRecording = (meta: RecordingMeta): Recording => ({
  meta,
  api: [],
  doors: [],
  closed: [],
  collections: [],
  probes: [],
  taps: [],
  rules: [],
  drops: [],
});
