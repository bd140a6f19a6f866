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
  return { device, parent: side, kind, protocol: value('protocol') ?? 'all', pref: Number(value('pref') ?? 0), actions: programOf(kind, text) };
};

/**
 * `qdisc show dev X` and `filter show dev X ingress|egress` in turn from one `tc -batch`: the qdisc line names the device that the
 * filters below it, which do not, belong to.
 */
export const parseFilters = (text: string, side: 'ingress' | 'egress'): Parsed<TcFilter[]> => {
  const value: TcFilter[] = [];
  let device = '';
  let current: TcFilter | undefined;
  for (const line of linesOf(text)) {
    const qdisc = line.match(QDISC);
    const filter = line.match(FILTER);
    const action = line.match(ACTION);
    const sent = line.match(SENT);
    if (qdisc) {
      device = qdisc[3] ?? device;
      current = undefined;
    } else if (filter) {
      const rest = filter[1] ?? '';
      current = isRealFilter(rest) ? readFilter(rest, rest.match(/^dev (\S+)/)?.[1] ?? device, side) : undefined;
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
    }
  }
  // what else tc says of a filter (matches, handles) is free text
  return { value, unparsed: [] };
};
