import type { SinkEnd } from '../../capture/end.ts';

/** Where a capture goes: a file, a pipe, a terminal. */
export interface CaptureSink {
  /** Queues bytes that are whole by themselves; `done` when they are written. Never throws. */
  write: (bytes: Buffer, done?: () => void) => void;
  /** Bytes that wait to be written. */
  readonly pending: number;
  broken: Promise<SinkEnd>;
  /** Waits for what is queued; what was cut off by a failure is taken off the file again. */
  close: () => Promise<void>;
}
