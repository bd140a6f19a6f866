import type { Protocol } from '../../cluster/facts.ts';
import type { ProbeResult } from '../probe.ts';

/** What tells one attempt of one probe in a capture. */
export interface ProbeKey {
  /** ProbeRequest.id */
  probe: string;
  /** 0-based */
  attempt: number;
  protocol: Protocol;
  /** DNS name asked for. */
  query?: string;
  /** As sent, before any NAT. */
  destination: string;
  port?: number;
  sourcePort?: number;
  /** Attempt.mark */
  mark?: string;
}

/** Keys of everything that was sent. */
export const probeKeys = (results: ProbeResult[]): ProbeKey[] =>
  results.flatMap(({ request, attempts }) =>
    attempts.map(({ sourcePort, mark }, attempt) => ({
      probe: request.id,
      attempt,
      protocol: request.protocol,
      destination: request.destination,
      ...(request.port === undefined ? {} : { port: request.port }),
      ...(request.query === undefined ? {} : { query: request.query }),
      ...(sourcePort === undefined ? {} : { sourcePort }),
      ...(mark === undefined ? {} : { mark }),
    })),
  );
