/** Why nothing more can be written: whoever read it is gone (`| head`), or the file cannot take it. */
export type SinkEnd = { is: 'reader-gone' } | { is: 'failed'; reason: string };

/** Why a capture ended: its probes are answered or given up, its time or a limit is reached, the user has enough, every capture ended by itself, or the output did. */
export type CaptureEnd = 'probes' | 'duration' | 'packets' | 'bytes' | 'interrupted' | 'captures' | SinkEnd;
