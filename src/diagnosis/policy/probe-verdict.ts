import { sameAddress } from '../../forwarding/address.ts';
import { type Attempt, answered, type ProbeResult } from '../../probe/probe.ts';

/** What real packets say about who is let through. */
export interface ProbeVerdict {
  got: 'allow' | 'deny' | 'unknown';
  why: string;
}

/**
 * An answer got through, and so did whatever a closed port answers itself. A policy that rejects sends its ICMP error from the node, not from
 * the pod (kube-router, Antrea); one that drops says nothing.
 */
const said = ({ outcome, from }: Attempt, { protocol, destination }: ProbeResult['request']): ProbeVerdict['got'] => {
  if (outcome === 'answered' || outcome === 'reset') return 'allow';
  if (outcome === 'refused') {
    const byPod = protocol === 'tcp' ? from === undefined : from === undefined || sameAddress(from, destination);
    return byPod ? 'allow' : 'deny';
  }
  return outcome === 'timeout' || outcome === 'prohibited' ? 'deny' : 'unknown';
};

const score = (result: ProbeResult): string => {
  const ways = [...new Set(result.attempts.map(({ outcome }) => outcome).filter((outcome) => outcome !== 'answered'))];
  const { fromLabel, toLabel } = result.request;
  return `${fromLabel} → ${toLabel}: ${answered(result)} of ${result.attempts.length} answered${ways.length > 0 ? ` (${ways.join(', ')})` : ''}`;
};

export const probeVerdict = (result: ProbeResult): ProbeVerdict => {
  const { request, attempts, notRun } = result;
  if (notRun !== undefined) return { got: 'unknown', why: `${request.fromLabel} → ${request.toLabel}: not sent: ${notRun}` };
  const all = new Set(attempts.map((attempt) => said(attempt, request)));
  const [only = 'unknown', ...others] = all;
  if (others.length > 0) return { got: 'unknown', why: `${score(result)}: some get through and some do not` };
  const silent = request.protocol === 'udp' && attempts.some(({ outcome }) => outcome === 'timeout');
  return { got: only, why: silent ? `${score(result)}; a UDP server that does not know the question may be silent, too` : score(result) };
};
