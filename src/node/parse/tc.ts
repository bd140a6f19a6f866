import type { TcFilter, TcState } from '../snapshot.ts';
import { linesOf, optional, type Parsed } from './json.ts';

type Qdisc = TcState['qdiscs'][number];
type Action = TcFilter['actions'][number];

const QDISC = /^qdisc (\S+) (\S+) (?:dev (\S+) )?(.*)$/;
const SENT = /^\s*Sent \d+ bytes (\d+) pkts? \(dropped (\d+)/;
const FILTER = /^filter (.*)$/;
const ACTION = /^\s*action order \d+:\s+(\S+)\s*(.*)$/;

/** `tc -s qdisc show` */
export const parseQdiscs = (text: string): Parsed<Qdisc[]> => {
  const value: Qdisc[] = [];
  const unparsed: string[] = [];
  for (const line of linesOf(text)) {
    const qdisc = line.match(QDISC);
    const sent = line.match(SENT);
    const last = value.at(-1);
    if (qdisc) {
      const [, kind = '', handle = '', device = '', rest = ''] = qdisc;
      value.push({ device, kind, handle, parent: rest.match(/parent (\S+)/)?.[1] ?? 'root', packets: 0, dropped: 0 });
    } else if (sent && last) {
      last.packets = Number(sent[1]);
      last.dropped = Number(sent[2]);
    } else if (!/^\s/.test(line)) {
      unparsed.push(line.slice(0, 120));
    }
  }
  return { value, unparsed };
};

/** Without a handle of its own a line is the head of a chain or a hash table, not a filter. */
const isRealFilter = (text: string): boolean => /\bfh [0-9a-f]+:[0-9a-f]*:[0-9a-f]+/.test(text) || /\bhandle \S+/.test(text);

/** A BPF program is its own action. */
const programOf = (kind: string, text: string): Action[] =>
  kind === 'bpf' ? [{ kind: 'bpf', detail: text.replace(/^.*?handle \S+\s*/, '').trim(), packets: 0, dropped: 0 }] : [];

const readFilter = (text: string, device: string, side: string): TcFilter => {
  const value = (key: string): string | undefined => text.match(new RegExp(`\\b${key} (\\S+)`))?.[1];
  const kind = text.match(/\bpref \d+ (\S+)/)?.[1] ?? '';
  return {
    device,
    parent: side,
    kind,
    protocol: value('protocol') ?? 'all',
    pref: Number(value('pref') ?? 0),
    keys: [],
    actions: programOf(kind, text),
  };
};

/** Flags of where a filter runs and counters are no keys. */
const NO_KEY =
  /^(not_in_hw|in_hw|skip_sw|skip_hw|used_hw_stats|hw_stats|Action statistics|Sent|backlog|index|installed|cookie|no_percpu|random type|rule hit|\(rule hit)/;

/** `clsact eth0`: devices with a place for filters, in the order they were asked. Only clsact has an egress side. */
const devicesOf = (text: string, side: 'ingress' | 'egress'): string[] =>
  linesOf(text).flatMap((line) => {
    const [kind, device] = line.split(' ');
    return device === undefined || (side === 'egress' && kind !== 'clsact') ? [] : [device];
  });

/**
 * `qdisc show dev X` and `filter show dev X ingress|egress` in turn from one `tc -batch`. Neither names the device: the ingress or clsact
 * qdisc, of which a device has one, begins the answers for the next of `devices`.
 */
export const parseFilters = (text: string, side: 'ingress' | 'egress', deviceList: string): Parsed<TcFilter[]> => {
  const devices = devicesOf(deviceList, side);
  const value: TcFilter[] = [];
  let asked = -1;
  let current: TcFilter | undefined;
  for (const line of linesOf(text)) {
    const filter = line.match(FILTER);
    const action = line.match(ACTION);
    const sent = line.match(SENT);
    if (line.startsWith('qdisc ')) {
      if (/^qdisc (ingress|clsact) /.test(line)) asked += 1;
      current = undefined;
    } else if (filter) {
      const rest = filter[1] ?? '';
      current = isRealFilter(rest) ? readFilter(rest, devices[asked] ?? '', side) : undefined;
      if (current) value.push(current);
    } else if (action && current) {
      const detail = action[2] ?? '';
      current.actions.push({
        kind: action[1] ?? '',
        detail: detail.trim(),
        ...optional('redirectTo', detail.match(/Redirect to device (\S+?)\)/)?.[1]),
        packets: 0,
        dropped: 0,
      });
    } else if (sent) {
      const last = current?.actions.at(-1);
      if (last) Object.assign(last, { packets: Number(sent[1]), dropped: Number(sent[2]) });
    } else if (current && (current.actions.length === 0 || current.kind === 'bpf')) {
      const key = line.trim().replace(/ \(success \d+ ?\)$/, '');
      if (!NO_KEY.test(key)) current.keys?.push(key);
    }
  }
  // a device that went meanwhile leaves no answer, and then whose the others are is not known
  if (asked + 1 === devices.length || value.length === 0) return { value, unparsed: [] };
  return { value: [], unparsed: [`${asked + 1} answers for ${devices.length} devices`] };
};
