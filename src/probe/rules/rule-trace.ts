import type { RuleRef } from '../../forwarding/hop.ts';
import { readPcap } from '../tap/pcap.ts';

/** Everything one node's trace gave, as it came. */
export interface RuleTraceRaw {
  node: string;
  output: Buffer;
  failed?: string;
}

/** A rule or policy that ended traced packets of ours. */
export interface TracedEnd {
  node: string;
  ref: RuleRef;
  does: 'drop' | 'reject';
  packets: number;
}

export interface RuleTrace {
  node: string;
  ends: TracedEnd[];
  /** Legacy rules that were met, in no order; what each does stands in the ruleset. */
  legacy: LegacyStep[];
  /** Why this node was not traced. */
  failed?: string;
}

type End = Omit<TracedEnd, 'node' | 'packets'> & { id: string };

/** `@ndr NAME SIZE` and as many bytes. */
const sectionsOf = (output: Buffer): { sections: Map<string, Buffer>; failed?: string } => {
  const sections = new Map<string, Buffer>();
  let at = 0;
  for (;;) {
    const end = output.indexOf('\n', at);
    if (end < 0) return { sections };
    const [tag, name = '', ...rest] = output.toString('latin1', at, end).split(' ');
    at = end + 1;
    if (tag !== '@ndr') continue;
    if (name === 'failed') return { sections, failed: rest.join(' ') };
    const size = Number(rest[0]);
    if (!['xtables', 'nft', 'nflog'].includes(name) || !Number.isSafeInteger(size)) continue;
    sections.set(name, output.subarray(at, at + size));
    at += size;
  }
};

/** ` TRACE: 2 54a92aa1 filter:KUBE-ROUTER:rule:0x4:DROP  -4 -t filter -A KUBE-ROUTER -d … -j DROP` (iptables/xtables-monitor.c trace_print_rule). */
const XTABLES = /^ *TRACE: (?:2|10) ([0-9a-f]+) ([^:]+):([^:]+):(rule|policy)(?::0x[0-9a-f]+)?:DROP\s*(?:-[46] -t \S+ (-A .*))?$/;

const xtablesEnd = (line: string): End[] => {
  const [, id = '', table = '', chain = '', kind, text] = XTABLES.exec(line) ?? [];
  if (kind === undefined || (kind === 'rule' && text === undefined)) return [];
  const ref = { backend: 'iptables-nft' as const, table, chain, text: text?.trim() ?? `policy DROP of ${chain}` };
  return [{ id, ref, does: / -j REJECT\b/.test(ref.text) ? 'reject' : 'drop' }];
};

/** `trace id fd5aab2c inet t f rule ip daddr … drop # handle 2 (verdict drop)` and `… policy drop` (libnftables netlink_events_trace_cb). */
const NFT = /^trace id ([0-9a-f]+) (\S+ \S+) (\S+) (?:rule (.*) # handle (\d+) \(verdict (?:drop|.*reject.*)\)|policy drop)\s*$/;

const nftEnd = (line: string): End[] => {
  const [, id = '', table = '', chain = '', rule, handle] = NFT.exec(line) ?? [];
  if (id === '') return [];
  const text = rule ?? `policy drop of ${chain}`;
  return [
    {
      id,
      ref: { backend: 'nft', table, chain, ...(handle === undefined ? {} : { number: Number(handle) }), text },
      does: /\breject\b/.test(text) ? 'reject' : 'drop',
    },
  ];
};

/** Attribute NFULA_PREFIX of an NFLOG record (linux/netfilter/nfnetlink_log.h): attributes are length, type, value, padded to four. */
const prefixOf = (record: Buffer): string | undefined => {
  for (let at = 4; at + 4 <= record.length; ) {
    const length = record.readUInt16LE(at);
    if (length < 4) return undefined;
    if (record.readUInt16LE(at + 2) === 10) return record.toString('latin1', at + 4, at + length).replace(/\0.*$/s, '');
    at += (length + 3) & ~3;
  }
  return undefined;
};

/** `TRACE: filter:FORWARD:rule:1`: of the legacy tables, each step of a packet; what a rule does stands in the ruleset. */
const LEGACY = /^TRACE: ([^:]+):([^:]+):(rule|policy|return):(\d+)/;

/** Each traced step of legacy rules with how often it was met. */
const legacySteps = (pcap: Buffer | undefined): { table: string; chain: string; number: number; kind: string; packets: number }[] => {
  const steps = (pcap ? readPcap(pcap)?.records : undefined)?.flatMap(({ bytes }) => {
    const [whole, table = '', chain = '', kind = '', number] = LEGACY.exec(prefixOf(bytes) ?? '') ?? [];
    return whole === undefined ? [] : [{ whole, table, chain, kind, number: Number(number) }];
  });
  return [...Map.groupBy(steps ?? [], ({ whole }) => whole).values()].flatMap(([first, ...more]) =>
    first ? [{ table: first.table, chain: first.chain, kind: first.kind, number: first.number, packets: more.length + 1 }] : [],
  );
};

export interface LegacyStep {
  table: string;
  chain: string;
  number: number;
  packets: number;
}

const keyOf = ({ ref }: End): string => [ref.backend, ref.table, ref.chain, ref.number ?? '', ref.text].join(' ');

/** A packet that iptables-nft drops is reported by both monitors; the one that knows iptables' words counts. */
export const parseRuleTrace = ({ node, output, failed }: RuleTraceRaw): RuleTrace => {
  const read = sectionsOf(output);
  const reason = failed ?? read.failed;
  const lines = (name: string): string[] => (read.sections.get(name)?.toString('utf8') ?? '').split('\n');
  const xtables = lines('xtables').flatMap(xtablesEnd);
  const known = new Set(xtables.map(({ id }) => id));
  const ends = [
    ...xtables,
    ...lines('nft')
      .flatMap(nftEnd)
      .filter(({ id }) => !known.has(id)),
  ];
  return {
    node,
    ends: [...Map.groupBy(ends, keyOf).values()].flatMap(([first, ...more]) =>
      first ? [{ node, ref: first.ref, does: first.does, packets: more.length + 1 }] : [],
    ),
    legacy: legacySteps(read.sections.get('nflog')).filter(({ kind }) => kind === 'rule'),
    ...(reason === undefined ? {} : { failed: reason }),
  };
};
