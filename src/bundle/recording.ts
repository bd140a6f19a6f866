import type { RawCollection } from '../node/raw.ts';
import type { ProbeRecord } from '../probe/live/run-probes.ts';
import type { TapRaw } from '../probe/tap/tap-output.ts';

/** Everything a run was told, as it was told: with the same words it judges to the same report. */
export interface Recording {
  meta: RecordingMeta;
  /** Request path with query → the API server's answer. */
  api: Record<string, ApiAnswer>;
  doors: { node: string; reach: 'node' | 'pod' }[];
  /** Nodes that could not be entered, and why. */
  closed: { node: string; closed: string }[];
  collections: RawCollection[];
  probes: ProbeRecord[];
  taps: TapRaw[];
}

/** `status` other than 200 carries the error the server gave, so that a replay fails where the run did. */
export interface ApiAnswer {
  status: number;
  body: unknown;
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

export const emptyRecording = (meta: RecordingMeta): Recording => ({ meta, api: {}, doors: [], closed: [], collections: [], probes: [], taps: [] });
