import type { Protocol } from '../cluster/facts.ts';

/** One question put to the live network: n packets of one kind from one netns to one address. */
export interface ProbeRequest {
  id: string;
  /** `pod-to-pod`, `pod-to-own-node`, `node-to-node`, `pod-to-service`, `pod-to-dns`… : which leg of the framing this is. */
  purpose: ProbePurpose;
  node: string;
  /** Netns to send from: `host`, or the pid of a process inside on that node. */
  from: { netns: 'host' } | { netns: 'pid'; pid: number };
  /** How a report names the two ends. */
  fromLabel: string;
  toLabel: string;
  destination: string;
  protocol: Protocol;
  port?: number;
  /** DNS name to ask for; protocol udp, port 53. */
  query?: string;
  /** Bytes at L3 of an echo request that nobody may fragment; protocol icmp. */
  size?: number;
  /** Payload of an echo request without `size`: of those sent together each has its own, so that a trace tells them apart by their length. */
  echoBytes?: number;
  count: number;
  timeoutMs: number;
}

export type ProbePurpose =
  | 'main'
  | 'main-icmp'
  | 'full-size'
  | 'size-search'
  | 'pod-to-own-node'
  | 'pod-to-far-node'
  | 'far-node-to-pod'
  | 'own-node-to-pod'
  | 'node-to-node'
  | 'pod-to-service'
  | 'pod-to-endpoint'
  | 'pod-to-dns';

/** `answered`: a reply, SYN-ACK or echo. The rest are ways to fail, told apart because they have different causes. */
export type Outcome = 'answered' | 'refused' | 'timeout' | 'unreachable' | 'no-route' | 'reset' | 'prohibited' | 'dns-error' | 'send-failed';

export interface Attempt {
  outcome: Outcome;
  /** Round trip in microseconds when answered or refused. */
  rttMicros?: number;
  sourcePort?: number;
  /** Hex of the payload bytes that tell this attempt in a capture: session, request and attempt (ICMP: sequence number); of a DNS query its id. */
  mark?: string;
  /** Who sent the ICMP error, when one came. */
  from?: string;
  detail?: string;
  /** Bytes at L3 that the next link takes, where the error is that the packet is larger. */
  mtu?: number;
}

export interface ProbeResult {
  request: ProbeRequest;
  attempts: Attempt[];
  /** Set when the question could not be put at all: no tool, agent lost. Then `attempts` is empty. */
  notRun?: string;
  /** Nothing was sent: the forwarding model says so, and each of 100 attempts stands for a percent. */
  predicted?: true;
}

/** How many of the attempts were answered. */
export const answered = (result: ProbeResult): number => result.attempts.filter((attempt) => attempt.outcome === 'answered').length;

/** How many were not: lost, or refused in one way or another. */
export const unanswered = (result: ProbeResult): number => result.attempts.length - answered(result);

/** True when it ran and every attempt was answered. */
export const passes = (result: ProbeResult): boolean => result.attempts.length > 0 && answered(result) === result.attempts.length;

/** True when it ran and no attempt was answered. */
export const fails = (result: ProbeResult): boolean => result.attempts.length > 0 && answered(result) === 0;
