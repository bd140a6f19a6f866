import type { Attempt, Outcome } from '../probe.ts';
import { parseDnsAnswer } from './dns-message.ts';

/** strerror(3) texts of the C locale, and what each means for the packet that caused it (icmp(7), ip(7), net/ipv4/icmp.c icmp_err_convert). */
const ERRORS: [text: RegExp, outcome: Outcome, detail?: string][] = [
  [/Connection refused/, 'refused'],
  [/Connection reset by peer/, 'reset'],
  // ETIMEDOUT: the kernel's own retries ended.
  [/Connection timed out|Operation timed out/, 'timeout'],
  [/Network is unreachable|Network unreachable/, 'no-route'],
  [/No route to host|Host is unreachable|Host is down/, 'unreachable'],
  // EACCES is a `prohibit` route, EINVAL a `blackhole` one (fib_props in net/ipv4/fib_semantics.c).
  [/Permission denied/, 'prohibited', 'a prohibit route of the sender'],
  [/Invalid argument/, 'no-route', 'a blackhole route of the sender'],
  [/Operation not permitted/, 'send-failed', "the sender's own netfilter refused it"],
  [/Address already in use|Cannot assign requested address/, 'send-failed', 'no free source address and port'],
  [/Message too long/, 'send-failed', 'larger than the MTU'],
];

export const classifyError = (text: string): Pick<Attempt, 'outcome' | 'detail'> | undefined => {
  const found = ERRORS.find(([pattern]) => pattern.test(text));
  return found && { outcome: found[1], ...(found[2] === undefined ? {} : { detail: found[2] }) };
};

/** First words of a tool's message, for what we cannot name. */
const excerpt = (text: string): string => text.replaceAll('\n', '; ').trim().slice(0, 160);

/**
 * Microseconds of the day of a line's time stamp. Log lines have six digits; the `-x` lines of socat 1.7 print microseconds into nine
 * digits (`.000942735`), which `width` tells: below a million they are microseconds.
 */
const stamp = (line: string): number | undefined => {
  const match = /(\d\d):(\d\d):(\d\d)\.(\d{6,9})/.exec(line);
  if (!match) return undefined;
  const [, hours, minutes, secs, fraction = ''] = match;
  const digits = Number(fraction);
  const micros = fraction.length === 6 || digits < 1e6 ? digits : Math.round(digits / 10 ** (fraction.length - 6));
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(secs)) * 1e6 + micros;
};

const DAY = 86_400e6;

/** Microseconds between two log lines, across midnight too. */
const between = (from: string | undefined, to: string | undefined): Pick<Attempt, 'rttMicros'> => {
  const [start, end] = [stamp(from ?? ''), stamp(to ?? '')];
  return start === undefined || end === undefined ? {} : { rttMicros: Math.round((end - start + DAY) % DAY) };
};

/** socat 1.7 logs a failed system call as an error, 1.8 as a warning that an error without the call's name follows. */
const errorOf = (lines: string[]): string | undefined =>
  lines.find((line) => / [EW] /.test(line) && classifyError(line) !== undefined) ?? lines.find((line) => / E /.test(line));

/** Codes of ICMP destination unreachable that connect(2) reports with the errno of another one (icmp_err_convert in net/ipv4/icmp.c). */
const CODES = new Map<string, Pick<Attempt, 'outcome' | 'detail'>>([
  ['3', { outcome: 'refused', detail: 'ICMP port unreachable' }],
  ['9', { outcome: 'prohibited' }],
  ['10', { outcome: 'prohibited' }],
  ['13', { outcome: 'prohibited' }],
]);

/** What socat read from the socket's error queue, IPv4 only: `received ICMP from 10.244.1.1, type 3, code 13`. */
const icmpOf = (text: string): Partial<Attempt> => {
  const [, from, code = ''] = /received ICMP from ([0-9.]+), type 3, code (\d+)/.exec(text) ?? [];
  return from === undefined ? {} : { ...CODES.get(code), from };
};

const withoutDetail = ({ outcome }: Attempt): Attempt => ({ outcome });

const failedConnect = (text: string, error: string, opening: string | undefined, timeoutMs: number): Attempt => {
  const classified = classifyError(error);
  if (!classified) return { outcome: 'send-failed', detail: excerpt(text) };
  // IPv6 has EACCES for an ICMPv6 error from afar too.
  const local = classified.outcome === 'prohibited' && error.includes('AF=10') ? withoutDetail(classified) : classified;
  const rtt = classified.outcome === 'refused' ? between(opening, error) : {};
  return { ...local, ...icmpOf(text), ...((rtt.rttMicros ?? 0) > timeoutMs * 1000 ? {} : rtt) };
};

/**
 * A connect of socat -d -d -lu: the round trip is from `opening connection` to `successfully connected` or to the error.
 * An answer to a SYN that was sent again (after 1 s, TCP_TIMEOUT_INIT) is an attempt that got no answer, as it would be with ping or UDP.
 */
export const readConnect = (text: string, timeoutMs: number): Attempt => {
  const lines = text.split('\n');
  const opening = lines.find((line) => line.includes('opening connection to AF='));
  const connected = lines.find((line) => line.includes('successfully connected from'));
  if (connected) {
    const rtt = between(opening, connected);
    const late = (rtt.rttMicros ?? 0) > timeoutMs * 1000;
    return late ? { outcome: 'timeout', detail: 'answered only when it was sent again' } : { outcome: 'answered', ...rtt };
  }
  const error = errorOf(lines);
  if (error !== undefined) return failedConnect(text, error, opening, timeoutMs);
  // Killed by timeout(1) within connect(2): the log just ends.
  return opening ? { outcome: 'timeout' } : { outcome: 'send-failed', detail: excerpt(text) };
};

/** The bytes of `-x` blocks that start with this arrow: `> time length=…` and then lines of hex. */
const dumped = (lines: string[], arrow: '<' | '>'): { header: string; bytes: Buffer } | undefined => {
  const at = lines.findIndex((line) => line.startsWith(`${arrow} `));
  const header = lines[at];
  if (header === undefined) return undefined;
  const hex: string[] = [];
  for (const line of lines.slice(at + 1)) {
    if (!/^( [0-9a-f]{2})+ ?$/.test(line)) break;
    hex.push(line.replaceAll(' ', ''));
  }
  return { header, bytes: Buffer.from(hex.join(''), 'hex') };
};

/** A datagram and its reply in socat -x: the round trip is between the two dumps, one just before write(2), the other just after read(2). */
export const readExchange = (text: string, dns: boolean): Attempt => {
  const lines = text.split('\n');
  const sent = dumped(lines, '>');
  const reply = dumped(lines, '<');
  if (reply) {
    const rtt = between(sent?.header, reply.header);
    const answer = dns ? parseDnsAnswer(reply.bytes) : undefined;
    if (!dns) return { outcome: 'answered', ...rtt };
    if (!answer) return { outcome: 'dns-error', detail: 'the answer is not a DNS message', ...rtt };
    if (answer.rcode !== 'NOERROR') return { outcome: 'dns-error', detail: answer.rcode, ...rtt };
    return { outcome: 'answered', ...rtt, ...(answer.answers === 0 ? { detail: 'no such record' } : {}) };
  }
  const error = errorOf(lines);
  const classified = error === undefined ? undefined : classifyError(error);
  if (classified) return { ...classified, ...(classified.outcome === 'refused' ? between(sent?.header, error) : {}) };
  return sent && error === undefined ? { outcome: 'timeout' } : { outcome: 'send-failed', detail: excerpt(text) };
};

/** bash's /dev/tcp or nc: no times, just an end. 124 and 137 are timeout(1)'s. */
export const readPlainConnect = (text: string, exitCode: number): Attempt => {
  if (/(^|\n)connected(\n|$)/.test(text)) return { outcome: 'answered' };
  const classified = classifyError(text);
  if (classified) return classified;
  return exitCode === 124 || exitCode === 137 || text.trim() === '' || /timed? ?out|Killed/i.test(text)
    ? { outcome: 'timeout' }
    : { outcome: 'send-failed', detail: excerpt(text) };
};
