import type { Evidence } from './evidence.ts';
import type { Finding } from './finding.ts';

/** One way for a path to break. */
export interface Cause {
  /** Stable: documented in docs/codes.md and printed in reports. */
  code: string;
  /** One line for the documentation. */
  summary: string;
  /** Codes whose findings only follow from this one and are not shown beside it. */
  implies?: string[];
  recognise: (evidence: Evidence) => Draft | undefined;
}

/** A finding before its cause's code is put on it. */
export type Draft = Omit<Finding, 'code'>;
