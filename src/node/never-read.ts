import { linesOf, looksLikeJson } from './parse/json.ts';
import type { Family, Netns, SectionProblem } from './snapshot.ts';

/** The sections of one place. */
export interface Told {
  has: (name: string) => boolean;
  text: (name: string) => string;
  /** It came, nothing was wrong with it, and it says nothing. */
  isBlank: (name: string) => boolean;
}

/** `full` and `attach` as the collector was asked, or less where it was not asked for this namespace. */
export type Depth = 'full' | 'attach' | 'links' | 'listed';

/** Sections that only a full reading has. */
const ONLY_FULL = [
  'sysctls',
  'sockets',
  'sockets-proc',
  'tc-qdisc',
  'conntrack',
  'nft-tables',
  'nft',
  'iptables-nft-4',
  'iptables-legacy-4',
  'ipset',
];

/** Deepest first; where the collector says what it was asked, whatever is more than links was asked for. */
export const depthOf = ({ has }: Told, scope: string | undefined): Depth => {
  if (ONLY_FULL.some(has)) return 'full';
  if (['ethtool', 'inet-4', 'routes-4', 'neighbours-4'].some(has)) return scope === 'full' ? 'full' : 'attach';
  return has('links') ? 'links' : 'listed';
};

/** Sections of which one of each line is always there, and for which namespaces that is so. */
interface Always {
  names: string[];
  depths: Depth[];
  /** Absent: in all. */
  where?: (netns: Netns) => boolean;
}

const both: Depth[] = ['full', 'attach'];
const full: Depth[] = ['full'];

const hasKind =
  (...kinds: string[]) =>
  ({ links }: Netns): boolean =>
    links.some(({ kind }) => kinds.includes(kind));

/** It has to do with IPv6, and tells what its collector knew of that. */
const speaks6 = ({ links, routes }: Netns): boolean =>
  routes.some(({ family }) => family === 6) ||
  links.some(({ addresses }) => addresses.some(({ family, scope }) => family === 6 && scope === 'global'));

/** Rules here hand packets to programs. */
const hasQueueRules = ({ netfilter: { iptables, nft } }: Netns): boolean =>
  iptables.some(({ chains }) => chains.some(({ rules }) => rules.some(({ target }) => target === 'NFQUEUE' || target === 'QUEUE'))) ||
  nft.some(({ chains }) => chains.some(({ rules }) => rules.some(({ expr }) => JSON.stringify(expr).includes('"queue":'))));

/** As any collector prints, of whatever age, and recordings made by other means have, too. */
const ALWAYS: Always[] = [
  { names: ['links'], depths: both },
  { names: ['inet-4', 'routes-4'], depths: full },
  { names: ['inet-4', 'rules-4'], depths: full },
  { names: ['inet-4', 'neighbours-4'], depths: both },
  { names: ['inet-6', 'routes-6'], depths: full, where: speaks6 },
  { names: ['fdb'], depths: both, where: hasKind('bridge', 'vxlan') },
  { names: ['vlans'], depths: full, where: ({ links }) => links.some(({ bridge }) => bridge?.vlanFiltering === true) },
  { names: ['sysctls'], depths: full },
  { names: ['sockets', 'sockets-proc'], depths: full },
  { names: ['ipvs'], depths: full, where: ({ links }) => links.some(({ name }) => name === 'kube-ipvs0') },
  { names: ['wireguard'], depths: full, where: hasKind('wireguard') },
];

/** Printed by a collector that tells also what there is nothing of (its meta has a scope). */
const ALWAYS_TOLD: Always[] = [
  { names: ['inet-6', 'routes-6'], depths: both },
  { names: ['inet-6', 'neighbours-6'], depths: both },
  { names: ['inet-6', 'rules-6'], depths: full },
  { names: ['nsids'], depths: both },
  { names: ['fdb'], depths: both },
  { names: ['nft-tables', 'nft'], depths: full },
  { names: ['iptables-legacy-4'], depths: full },
  { names: ['iptables-legacy-6'], depths: full },
  { names: ['ipset'], depths: full },
  { names: ['ipvs'], depths: full },
  { names: ['tc-qdisc'], depths: full },
  { names: ['nfqueue'], depths: full, where: hasQueueRules },
];

/** Filters are asked for by device: whoever lists devices, or their qdiscs, has them, too. */
const filterSections = ({ tc }: Netns, { text }: Told): string[] => {
  const kinds = [...linesOf(text('tc-devices')).map((line) => line.split(' ')[0]), ...tc.qdiscs.map(({ kind }) => kind)];
  const clsact = kinds.includes('clsact');
  return [...(clsact || kinds.includes('ingress') ? ['tc-ingress'] : []), ...(clsact ? ['tc-egress'] : [])];
};

/** Whatever there is, these say something: of nothing their programs print a list or a heading, or are not asked at all. */
const NEVER_BLANK = ['links', 'inet-4', 'inet-6', 'rules-4', 'sysctls', 'nft', 'tc-qdisc', 'tc-devices'];
const NEVER_BLANK_TOLD = ['sockets', 'iptables-legacy-4', 'iptables-legacy-6'];

/** The same where iproute2 answers in JSON. */
const NEVER_BLANK_JSON = ['routes-4', 'routes-6', 'neighbours-4', 'neighbours-6', 'fdb', 'vlans'];

/** And what follows from interfaces: addresses have routes, bridges entries. */
const blank = (netns: Netns, told: Told, scope: string | undefined): string[] => {
  const { links } = netns;
  const { isBlank, text } = told;
  const has = (family: Family): boolean => links.some(({ up, addresses }) => up && addresses.some((address) => address.family === family));
  return [
    ...NEVER_BLANK,
    ...filterSections(netns, told),
    ...(scope === undefined ? [] : NEVER_BLANK_TOLD),
    ...(looksLikeJson(text('links')) ? NEVER_BLANK_JSON : []),
    ...([4, 6] as const).flatMap((family) => (has(family) ? `routes-${family}` : [])),
    ...(links.some(({ kind, up }) => up && kind === 'bridge') ? ['fdb'] : []),
  ].filter(isBlank);
};

const empty = { kind: 'truncated', detail: 'is empty' } as const;
const missing = { kind: 'missing', detail: 'was not read' } as const;

const absent = (netns: Netns, told: Told, scope: string | undefined): string[] => {
  const depth = depthOf(told, scope);
  return [...ALWAYS, ...(scope === undefined ? [] : ALWAYS_TOLD)]
    .filter(({ names, depths, where }) => depths.includes(depth) && !names.some(told.has) && (where?.(netns) ?? true))
    .map(({ names }) => names.at(-1) ?? '');
};

const IPTABLES_TABLES = ['filter', 'nat', 'mangle', 'raw', 'security'];
const IPTABLES_FAMILIES: Record<string, Family> = { ip: 4, ip6: 6 };

/** Chains as iptables-nft makes them: a table of the same name that somebody made with nft has none of these. */
const isOfIptables = (chains: { name: string }[]): boolean =>
  chains.some(({ name }) => /^(KUBE-IPTABLES-HINT|PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/.test(name));

/** Tables that nft lists and nobody read, and those of iptables-nft that are known by nft alone, which cannot tell what its matches ask. */
const absentTables = ({ netfilter: { nft, iptables } }: Netns, { text }: Told): string[] => {
  const listed = [...text('nft-tables').matchAll(/^table (\S+) (\S+)/gm)].map(([, family = '', name = '']) => ({ family, name }));
  const decoded = (family: string, name: string): boolean =>
    iptables.some((table) => table.backend === 'nft' && table.family === IPTABLES_FAMILIES[family] && table.table === name);
  const lost = listed.filter(({ family, name }) => !decoded(family, name) && !nft.some((table) => table.family === family && table.name === name));
  const undecoded = nft.filter(
    ({ family, name, chains }) => IPTABLES_FAMILIES[family] !== undefined && IPTABLES_TABLES.includes(name) && isOfIptables(chains),
  );
  return [...lost, ...undecoded].map(({ family, name }) =>
    IPTABLES_FAMILIES[family] !== undefined && IPTABLES_TABLES.includes(name) ? `iptables-nft-${IPTABLES_FAMILIES[family]}` : 'nft',
  );
};

/** Sections of a namespace that should be there and are not: the reading ended early, or was made by other means. */
export const neverRead = (netns: Netns, told: Told, scope: string | undefined): SectionProblem[] => [
  ...[
    ...new Set([...absent(netns, told, scope), ...filterSections(netns, told).filter((name) => !told.has(name)), ...absentTables(netns, told)]),
  ].map((section) => ({
    section,
    netns: netns.inode,
    ...missing,
  })),
  ...[...new Set(blank(netns, told, scope))].map((section) => ({ section, netns: netns.inode, ...empty })),
];

const NODE_TOLD: Record<Depth, string[]> = {
  full: ['pins', 'claims', 'addresses', 'daemons', 'ovs', 'health'],
  attach: ['pins', 'claims', 'addresses', 'daemons', 'ovs'],
  links: [],
  listed: [],
};

/** The same of the node as a whole. */
export const neverReadOfNode = ({ has, isBlank }: Told, scope: string | undefined): SectionProblem[] => [
  ...['meta', 'processes', ...(scope === 'full' || scope === 'attach' ? NODE_TOLD[scope] : [])]
    .filter((name) => !has(name))
    .map((section) => ({ section, ...missing })),
  ...['meta', 'processes', 'ovs'].filter(isBlank).map((section) => ({ section, ...empty })),
];
