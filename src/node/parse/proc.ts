import type { ConntrackCounters } from '../snapshot.ts';
import { linesOf, type Parsed } from './json.ts';

/** `grep -H . FILE…`: path → its lines. */
export const readGrepped = (text: string): Map<string, string[]> => {
  const files = new Map<string, string[]>();
  for (const line of linesOf(text)) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const path = line.slice(0, colon);
    files.set(path, [...(files.get(path) ?? []), line.slice(colon + 1)]);
  }
  return files;
};

/**
 * /proc/sys paths to dotted names; an interface keeps its own dots: `net.ipv4.conf.vxlan.calico.rp_filter` is built as one would
 * build it from the interface's name, not as sysctl(8) would print it.
 */
export const parseSysctls = (text: string): Parsed<Record<string, string>> => {
  const value: Record<string, string> = {};
  const unparsed: string[] = [];
  for (const line of linesOf(text)) {
    const match = line.match(/^\/proc\/sys\/([^:]+):(.*)$/);
    if (match?.[1]) value[match[1].replaceAll('/', '.')] = (match[2] ?? '').trim().replaceAll('\t', ' ');
    else unparsed.push(line.slice(0, 120));
  }
  return { value, unparsed };
};

/** Columns of /proc/net/stat/nf_conntrack are hexadecimal, one line per CPU under a heading (net/netfilter/nf_conntrack_standalone.c). */
export const parseConntrack = (text: string): ConntrackCounters | undefined => {
  const files = readGrepped(text);
  const number = (name: string): number => Number(files.get(`/proc/sys/net/netfilter/${name}`)?.[0] ?? Number.NaN);
  const count = number('nf_conntrack_count');
  const max = number('nf_conntrack_max');
  if (Number.isNaN(count) || Number.isNaN(max)) return undefined;
  const [heading = '', ...rows] = files.get('/proc/net/stat/nf_conntrack') ?? [];
  const columns = heading.trim().split(/\s+/);
  const sum = (column: string): number => {
    const at = columns.indexOf(column);
    return at < 0 ? 0 : rows.reduce((total, row) => total + (Number.parseInt(row.trim().split(/\s+/)[at] ?? '0', 16) || 0), 0);
  };
  return { count, max, insertFailed: sum('insert_failed'), drop: sum('drop'), earlyDrop: sum('early_drop') };
};
