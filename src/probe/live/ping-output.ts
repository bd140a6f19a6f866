import type { Attempt, Outcome } from '../probe.ts';

/** iputils' pr_icmph() texts for ICMP and ICMPv6 errors. A ping that is told "port unreachable" met a firewall's REJECT: echo has no ports. */
const ERRORS: [text: RegExp, outcome: Outcome][] = [
  [/Packet filtered|prohibited|Port Unreachable|Port unreachable|Isolated|policy|Reject route/i, 'prohibited'],
  [/Destination Net Unreachable|Destination Net Unknown|No route/i, 'no-route'],
  [/Unreachable|Time to live exceeded|Time exceeded|Frag needed|Packet too big|Unknown|Parameter problem/i, 'unreachable'],
];

/** Errors of the sender's own kernel, which end the run: `ping: connect: Network is unreachable`, `ping: sendmsg: Operation not permitted`. */
const LOCAL: [text: RegExp, outcome: Outcome, detail?: string][] = [
  [/Network is unreachable|Cannot assign requested address/, 'no-route'],
  [/No route to host/, 'unreachable'],
  [/sendmsg: Operation not permitted/, 'send-failed', "the sender's own netfilter refused it"],
  // ping asks this when connect(2) gives EACCES, which a `prohibit` route does too.
  [/Do you want to ping broadcast|Permission denied/, 'prohibited', 'a prohibit route of the sender'],
  [/Invalid argument/, 'no-route', 'a blackhole route of the sender'],
  [/Message too long/i, 'send-failed', 'larger than the MTU'],
];

/** `(mtu = 1400)`, `mtu=1400`, `learnt mtu 1400`: what the next link takes, as an error tells or the sender's kernel remembers of one. */
const mtuIn = (text: string): { mtu?: number } => {
  const [, mtu] = /mtu[ =]+(\d+)/.exec(text) ?? [];
  return mtu === undefined ? {} : { mtu: Number(mtu) };
};

/** `socket: Operation not permitted` and the like: ping itself cannot work, which says nothing of the network. */
const UNABLE =
  /ping: .*(socket.*(not permitted|denied)|not supported|usage:|invalid (option|argument: ')|unrecognized option|lacking privilege|are you root|bad interval|Name or service)/i;

const answer = (line: string): { attempt: number; result: Attempt } | undefined => {
  const match = /^\d+ bytes from .*(?:icmp_)?seq=(\d+).* time=([\d.]+) ms(.*)/.exec(line);
  if (!match) return undefined;
  const duplicate = (match[3] ?? '').includes('DUP') ? { detail: 'answered more than once' } : {};
  return { attempt: Number(match[1]), result: { outcome: 'answered', rttMicros: Math.round(Number(match[2]) * 1000), ...duplicate } };
};

const error = (line: string): { attempt: number; result: Attempt } | undefined => {
  const match = /^From (\S+?):? icmp_seq=(\d+) (.*)/.exec(line);
  // A redirect is advice; the packet went on.
  if (!match || /Redirect/.test(match[3] ?? '')) return undefined;
  const text = match[3] ?? '';
  const outcome = ERRORS.find(([pattern]) => pattern.test(text))?.[1] ?? 'unreachable';
  return { attempt: Number(match[2]), result: { outcome, from: match[1] ?? '', detail: text.trim(), ...mtuIn(text) } };
};

/** Attempts of one ping run, in order; those without a line got no answer. A string says why ping could not run. */
export const readPing = (lines: string[], count: number, firstSequence: 0 | 1): Attempt[] | string => {
  const seen = new Map<number, Attempt>();
  let local: Attempt | undefined;
  for (const line of lines) {
    const found = answer(line) ?? error(line);
    const before = found && seen.get(found.attempt);
    if (found && before?.outcome === 'answered') {
      // The first answer's time counts; a second one is worth saying: two hosts may own the address.
      if (found.result.detail && found.result.outcome === 'answered') before.detail = found.result.detail;
    } else if (found) seen.set(found.attempt, found.result);
    if (/^ping6?: /.test(line) && UNABLE.test(line)) return line;
    const own = line.startsWith('ping') ? LOCAL.find(([pattern]) => pattern.test(line)) : undefined;
    if (line.startsWith('learnt ') && local?.outcome === 'send-failed') local = { ...local, ...mtuIn(line) };
    if (own) local = { outcome: own[1], ...(own[2] === undefined ? {} : { detail: own[2] }), ...mtuIn(line) };
  }
  // Without its last words ping did not wait for all answers.
  const finished = local !== undefined || lines.some((line) => /\d packets transmitted/.test(line));
  const silent: Attempt[] = finished ? [local ?? { outcome: 'timeout' }] : [];
  const attempts = Array.from({ length: count }, (_, attempt) => seen.get(attempt + firstSequence) ?? silent.map((one) => ({ ...one }))).flat();
  return attempts.length > 0 ? attempts : (lines.find((line) => line !== '') ?? 'ping gave no result');
};
