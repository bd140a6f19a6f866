import { readGrepped } from './proc.ts';

/** /proc/net/xt_recent/LIST: `src=10.0.0.1 ttl: 64 last_seen: 4295 oldest_pkt: 1 4295` (net/netfilter/xt_recent.c recent_seq_show). */
export const parseRecent = (text: string): Record<string, string[]> =>
  Object.fromEntries(
    [...readGrepped(text)].map(([path, lines]) => [path.split('/').at(-1) ?? path, lines.flatMap((line) => /^src=(\S+)/.exec(line)?.[1] ?? [])]),
  );
