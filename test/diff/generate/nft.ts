import type { Family } from '../../../src/node/snapshot.ts';
import { add, type Draft, tag } from './draft.ts';
import { addressesOf, devicesOf, markOf, podPrefix, portOf, prefixOf } from './pool.ts';
import { hostPortOf, openPorts } from './services.ts';

type NftHook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

interface NftSite {
  draft: Draft;
  space: string;
  /** Of the table: `ip`, `ip6` or `inet`. */
  table: string;
  family: Family;
  inet: boolean;
  type: 'filter' | 'nat' | 'route';
  hook: NftHook;
  sets: NftSetDraft[];
}

interface NftSetDraft {
  name: string;
  kind: 'addresses' | 'prefixes' | 'ports' | 'pairs' | 'ranges' | 'names';
}

/** A table of its own, as a network plugin or an administrator would write it: sets, maps, verdict maps, chains that jump. */
export const nftTable = (draft: Draft, space: string): void => {
  const { random, families } = draft;
  const family = random.pick(families);
  const inet = random.chance(0.4);
  const table = `${inet ? 'inet' : family === 4 ? 'ip' : 'ip6'} t${random.int(1, 99)}`;
  tag(draft, 'nft table');
  add(draft, space, 'nft', `add table ${table}`);
  const sets = random.chance(0.6) ? Array.from({ length: random.int(1, 2) }, (_, at) => addSet(draft, { space, table, family, at })) : [];
  for (let left = random.int(1, 2); left > 0; left -= 1) addChains(draft, { space, table, family, inet, sets, number: left });
};

/** A firewall on the frames themselves: of the bridge that a node's pods hang on, or of one device. */
export const frameFilter = (draft: Draft, space: string): void => {
  const { random, families } = draft;
  const family = random.pick(families);
  const ip = family === 4 ? 'ip' : 'ip6';
  const device = random.pick(devicesOf(draft, space));
  const bridge = devicesOf(draft, space).includes('cni0') && random.chance(0.6);
  const table = `${bridge ? 'bridge' : 'netdev'} f${random.int(1, 99)}`;
  tag(draft, `nft ${bridge ? 'bridge' : 'netdev'}`);
  const hook = bridge ? random.pick(['prerouting', 'forward', 'input', 'output', 'postrouting']) : `ingress device "${device}"`;
  const address = (): string => random.pick(addressesOf(draft, family));
  add(draft, space, 'nft', `add table ${table}`, `add chain ${table} c { type filter hook ${hook} priority ${random.pick([-200, 0, 10])}; }`);
  for (let left = random.int(1, 3); left > 0; left -= 1) {
    const match = random.pick([
      `${ip} ${random.pick(['saddr', 'daddr'])} ${address()}`,
      `${ip} saddr ${address()} ${ip} daddr ${address()}`,
      `tcp dport ${random.pick([80, 8080])}`,
      `meta l4proto ${random.pick(['tcp', 'udp', family === 4 ? 'icmp' : 'ipv6-icmp'])}`,
      `ether type ${random.pick(['ip', 'ip6'])} meta l4proto udp`,
      ...(bridge ? [`iifname "${device}"`, `ether saddr ${random.pick(draft.pods).mac}`] : []),
    ]);
    add(draft, space, 'nft', `add rule ${table} c ${match} counter ${random.pick(['drop', 'drop', 'accept', 'meta mark set 0x1'])}`);
  }
};

const addSet = (draft: Draft, { space, table, family, at }: { space: string; table: string; family: Family; at: number }): NftSetDraft => {
  const { random } = draft;
  const kind = random.pick(['addresses', 'prefixes', 'ports', 'pairs', 'ranges', 'names'] as const);
  const name = `s${at}`;
  tag(draft, `nft set ${kind}`);
  const address = (): string => random.pick(addressesOf(draft, family));
  const types = {
    addresses: `type ipv${family}_addr;`,
    prefixes: `type ipv${family}_addr; flags interval; auto-merge;`,
    ports: 'type inet_service; flags interval; auto-merge;',
    pairs: `type ipv${family}_addr . inet_proto . inet_service;`,
    ranges: `type ipv${family}_addr . inet_service; flags interval;`,
    names: 'type ifname;',
  };
  const elements: Record<NftSetDraft['kind'], () => string> = {
    addresses: address,
    prefixes: () => prefixOf(draft, family),
    ports: () => random.pick(['80', '53', '8000-8100', '443', '1-1024']),
    pairs: () => `${address()} . ${random.pick(['tcp . 80', 'tcp . 8080', 'udp . 53', 'udp . 8080'])}`,
    ranges: () =>
      `${random.pick([address(), podPrefix[family], draft.nodes[0]?.podCidr[family] ?? address()])} . ${random.pick(['80', '1-1024', '8000-9000'])}`,
    names: () => `"${random.pick(devicesOf(draft, space))}"`,
  };
  const many = new Set(Array.from({ length: kind === 'ranges' ? 1 : random.int(1, 4) }, elements[kind]));
  add(draft, space, 'nft', `add set ${table} ${name} { ${types[kind]} }`);
  for (const element of many) add(draft, space, 'nft', `add element ${table} ${name} { ${element} }`);
  return { name, kind };
};

const hooks: Record<NftSite['type'], readonly NftHook[]> = {
  filter: ['prerouting', 'input', 'forward', 'forward', 'forward', 'output', 'postrouting'],
  nat: ['prerouting', 'output', 'postrouting', 'postrouting', 'input'],
  route: ['output'],
};

const addChains = (
  draft: Draft,
  { space, table, family, inet, sets, number }: { space: string; table: string; family: Family; inet: boolean; sets: NftSetDraft[]; number: number },
): void => {
  const { random } = draft;
  const type = random.weighted([
    [6, 'filter'],
    [3, 'nat'],
    [0.7, 'route'],
  ] as const);
  const hook = random.pick(hooks[type]);
  const site: NftSite = { draft, space, table, family, inet, type, hook, sets };
  const base = `${hook}${number}`;
  const below = Array.from({ length: random.int(0, 2) }, (_, at) => `${base}-${at}`);
  const drops = type === 'filter' && random.chance(0.08);
  if (drops) tag(draft, 'policy DROP');
  add(
    draft,
    space,
    'nft',
    `add chain ${table} ${base} { type ${type} hook ${hook} priority ${priorityOf(site)}; policy ${drops ? 'drop' : 'accept'}; }`,
  );
  for (const chain of below) add(draft, space, 'nft', `add chain ${table} ${chain}`);
  [base, ...below].forEach((chain, at) => {
    const far = below.slice(at);
    for (let left = random.int(1, 4); left > 0; left -= 1) add(draft, space, 'nft', `add rule ${table} ${chain} ${nftRule(site, far)}`);
  });
};

/** NAT must not come before conntrack; everything else may stand anywhere. */
const priorityOf = ({ draft: { random }, type, hook }: NftSite): number => {
  if (type === 'nat') return random.pick(hook === 'prerouting' || hook === 'output' ? [-100, -99, -110] : [100, 99, 110]);
  return random.pick([-300, -200, -199, -150, -101, -50, 0, 0, 0, 1, 50, 150, 300]);
};

const nftRule = (site: NftSite, below: string[]): string => {
  const { random } = site.draft;
  const matches = nftMatches(site);
  const counter = random.chance(0.5) ? ['counter'] : [];
  if (below.length > 0 && random.chance(0.4)) {
    return [...matches, ...counter, random.chance(0.75) ? 'jump' : 'goto', random.pick(below)].join(' ');
  }
  if (random.chance(0.12)) return [...matches.filter((match) => !protocolMatch.test(match)), ...counter, verdictMap(site, below)].join(' ');
  return [...matches, ...counter, statement(site)].join(' ');
};

/** Asked for by a verdict map, too, with which it might not go together. */
const protocolMatch = /^(tcp|udp|th|icmp|icmpv6|meta l4proto|meta nfproto|ip protocol|ip6 nexthdr) /;

const ipWord = ({ family }: NftSite): string => (family === 4 ? 'ip' : 'ip6');
const unequal = ({ draft: { random } }: NftSite): string => (random.chance(0.2) ? '!= ' : '');

type Ask = (site: NftSite) => string | undefined;

const setRef =
  (kinds: readonly NftSetDraft['kind'][], text: (site: NftSite, name: string) => string): Ask =>
  (site) => {
    const fitting = site.sets.filter(({ kind }) => kinds.includes(kind));
    return fitting.length === 0 ? undefined : text(site, site.draft.random.pick(fitting).name);
  };

const asks: readonly (readonly [number, Ask])[] = [
  [4, (site) => `${ipWord(site)} saddr ${unequal(site)}${prefixOf(site.draft, site.family)}`],
  [4, (site) => `${ipWord(site)} daddr ${unequal(site)}${prefixOf(site.draft, site.family)}`],
  [
    1,
    (site) => `${ipWord(site)} daddr ${unequal(site)}{ ${[...new Set(site.draft.random.some(addressesOf(site.draft, site.family), 3))].join(', ')} }`,
  ],
  [3, setRef(['addresses', 'prefixes'], (site, name) => `${ipWord(site)} ${site.draft.random.pick(['saddr', 'daddr'])} ${unequal(site)}@${name}`)],
  [2, setRef(['ports'], (site, name) => `${site.draft.random.pick(['tcp', 'udp', 'th'])} dport ${unequal(site)}@${name}`)],
  [2, setRef(['pairs'], (site, name) => `${ipWord(site)} daddr . meta l4proto . th dport ${unequal(site)}@${name}`)],
  [2, setRef(['ranges'], (site, name) => `${ipWord(site)} daddr . th dport ${unequal(site)}@${name}`)],
  [2, setRef(['names'], (site, name) => `${deviceWord(site)} ${unequal(site)}@${name}`)],
  [2, (site) => `${deviceWord(site)} ${unequal(site)}"${device(site)}"`],
  [
    3,
    (site) =>
      `${site.draft.random.pick(['tcp', 'tcp', 'udp'])} dport ${unequal(site)}${site.draft.random.pick(['80', '8080', '53', '{ 80, 443 }', '1-1023', '{ 53, 8000-8090 }'])}`,
  ],
  [1, (site) => `meta l4proto ${unequal(site)}${site.draft.random.pick(['tcp', 'udp', '{ tcp, udp }', site.family === 4 ? 'icmp' : 'ipv6-icmp'])}`],
  [
    0.7,
    (site) =>
      site.family === 4
        ? `icmp type ${site.draft.random.pick(['echo-request', 'echo-reply'])}`
        : `icmpv6 type ${site.draft.random.pick(['echo-request', 'echo-reply'])}`,
  ],
  [
    3,
    (site) =>
      `ct state ${unequal(site)}${site.draft.random.pick(['new', 'established', 'established,related', 'invalid', 'new,established', '{ new, untracked }'])}`,
  ],
  [1, (site) => `ct status ${site.draft.random.pick(['dnat', 'snat', 'dnat,snat', 'confirmed', 'seen-reply'])}`],
  [0.7, (site) => `ct direction ${site.draft.random.pick(['original', 'reply'])}`],
  [0.7, (site) => `ct original ${ipWord(site)} ${site.draft.random.pick(['saddr', 'daddr'])} ${prefixOf(site.draft, site.family)}`],
  [0.7, (site) => `ct mark ${unequal(site)}${plainMark(site)}`],
  [
    3,
    (site) =>
      site.draft.random.pick([
        `meta mark ${unequal(site)}${plainMark(site)}`,
        `meta mark and 0x4000 ${site.draft.random.pick(['==', '!='])} 0x4000`,
        'meta mark & 0xff == 0x1',
      ]),
  ],
  [1, (site) => fib(site)],
  [0.5, () => 'meta pkttype host'],
  [0.4, (site) => (site.inet ? `meta nfproto ipv${site.draft.random.pick([4, 6])}` : undefined)],
  [0.4, () => 'tcp flags & (fin|syn|rst|ack) == syn'],
  [0.3, () => 'tcp flags syn'],
  [0.3, (site) => `meta length ${site.draft.random.pick(['< 100', '> 60', '40-80'])}`],
  [
    0.3,
    (site) =>
      site.family === 4
        ? `ip ttl ${site.draft.random.pick(['64', '< 64', '> 62'])}`
        : `ip6 hoplimit ${site.draft.random.pick(['64', '< 64', '> 62'])}`,
  ],
  [0.3, (site) => (site.family === 4 ? 'ip protocol tcp' : 'ip6 nexthdr tcp')],
  [
    0.3,
    (site) =>
      site.hook === 'output' || site.hook === 'postrouting' ? `meta skuid ${unequal(site)}${site.draft.random.pick(['0', '1337'])}` : undefined,
  ],
  [0.3, () => 'limit rate 10000/second burst 10000 packets'],
];

const plainMark = ({ draft }: NftSite): string => markOf(draft).split('/')[0] ?? '0x1';

const deviceWord = ({ draft, hook }: NftSite): string => {
  if (hook === 'output' || hook === 'postrouting') return 'oifname';
  return hook === 'forward' ? draft.random.pick(['iifname', 'oifname']) : 'iifname';
};

const device = ({ draft, space }: NftSite): string => {
  const name = draft.random.pick(devicesOf(draft, space));
  return draft.random.chance(0.2) ? `${name.slice(0, Math.max(2, name.length - 1))}*` : name;
};

const fib = ({ draft: { random }, hook }: NftSite): string => {
  const type = random.pick(['local', 'unicast', 'local']);
  if (hook === 'prerouting' || hook === 'input') {
    return random.pick([
      `fib daddr type ${type}`,
      `fib saddr type ${type}`,
      'fib saddr . iif oif missing',
      'fib saddr . iif oif exists',
      `fib daddr . iif type ${type}`,
      'fib saddr . mark . iif oif missing',
    ]);
  }
  return random.pick([`fib daddr type ${type}`, `fib saddr type ${type}`]);
};

const nftMatches = (site: NftSite): string[] => {
  const { random } = site.draft;
  const wanted = random.weighted([
    [1.5, 0],
    [4, 1],
    [3, 2],
    [1, 3],
  ] as const);
  const words = new Map<string, string>();
  for (let at = 0; at < wanted; at += 1) {
    const asked = random.weighted(asks)(site);
    // TCP and UDP in one rule would never match
    const topic =
      asked
        ?.replace(/^(tcp|udp|th|icmp|icmpv6|meta l4proto|ip protocol|ip6 nexthdr) .*/, 'protocol')
        .split(' ')
        .slice(0, 2)
        .join(' ') ?? '';
    if (asked !== undefined && !words.has(topic)) words.set(topic, asked);
  }
  return [...words.values()];
};

const verdictMap = (site: NftSite, below: string[]): string => {
  const { random } = site.draft;
  const ends = site.type === 'nat' ? ['accept', 'accept', 'return'] : ['accept', 'drop', 'return', 'continue'];
  const verdict = (): string => random.pick([...ends, ...below.flatMap((chain) => [`jump ${chain}`, `goto ${chain}`])]);
  return random.pick([
    () => `meta l4proto vmap { tcp : ${verdict()}, udp : ${verdict()} }`,
    () => `tcp dport vmap { 80 : ${verdict()}, 8080 : ${verdict()}, 443 : ${verdict()} }`,
    () => `${ipWord(site)} saddr vmap { ${site.draft.nodes[0]?.podCidr[site.family]} : ${verdict()} }`,
    () => `ct state vmap { established : ${verdict()}, related : ${verdict()}, invalid : ${verdict()} }`,
    () =>
      `${ipWord(site)} daddr . th dport vmap { ${random.pick(site.draft.pods).address[site.family]} . 80 : ${verdict()}, ${random.pick(addressesOf(site.draft, site.family))} . 53 : ${verdict()} }`,
    () => `${deviceWord(site)} vmap { "${random.pick(devicesOf(site.draft, site.space))}" : ${verdict()} }`,
  ])();
};

/** In a table of both families a reject names its kind for both at once. */
const refusalsOf = ({ inet, family }: NftSite): string[] => {
  if (inet) return [' with icmpx type admin-prohibited', ' with icmpx type host-unreachable'];
  return family === 4
    ? [' with icmp type admin-prohibited', ' with icmp type host-unreachable']
    : [' with icmpv6 type admin-prohibited', ' with icmpv6 type addr-unreachable'];
};

const statement = (site: NftSite): string => {
  const { draft, family, type, hook } = site;
  const { random, pods, nodes } = draft;
  const common: [number, string][] = [
    [
      type === 'route' ? 4 : 1.5,
      `meta mark set ${random.pick([plainMark(site), 'meta mark or 0x4000', 'meta mark and 0xff', 'meta mark xor 0x1', 'ct mark'])}`,
    ],
    [0.5, `ct mark set ${random.pick(['meta mark', plainMark(site)])}`],
    [1, 'return'],
    [2, 'accept'],
  ];
  if (type === 'nat') {
    // within inet, nft wants to hear of which family the address is
    const to = site.inet ? (family === 4 ? 'ip to' : 'ip6 to') : 'to';
    const pod = random.pick(pods).address[family];
    const node = nodes.find(({ name }) => name === site.space) ?? random.pick(nodes);
    const destination: [number, string][] = [
      [3, `dnat ${to} ${pod}`],
      [2, `meta l4proto tcp dnat ${to} ${hostPortOf(pod, random.pick(openPorts.tcp))}`],
      [1, `meta l4proto tcp redirect to :${portOf(draft, 'tcp')}`],
      [1, 'redirect'],
      [
        1,
        `dnat ${to} ${ipWord(site)} daddr map { ${random.pick([random.pick(addressesOf(draft, family)), random.pick(nodes).podCidr[family]])} : ${pod} }`,
      ],
      [1, `dnat ${to} numgen random mod 2 map { 0 : ${pod}, 1 : ${random.pick(pods).address[family]} }`],
      [0.5, `dnat ${to} numgen inc mod 2 map { 0 : ${pod}, 1 : ${random.pick(pods).address[family]} }`],
      [0.5, `dnat ${to} jhash ${ipWord(site)} saddr mod 2 seed 0xabc map { 0 : ${pod}, 1 : ${random.pick(pods).address[family]} }`],
    ];
    const source: [number, string][] = [
      [3, 'masquerade'],
      [1, 'masquerade fully-random'],
      [3, `snat ${to} ${node.address[family]}`],
    ];
    if (hook === 'input') source.splice(0, 2);
    return random.weighted([...common, ...(hook === 'prerouting' || hook === 'output' ? destination : source)]);
  }
  return random.weighted([
    ...common,
    [2, 'drop'],
    [hook === 'forward' || hook === 'input' || hook === 'output' ? 1.5 : 0, `reject${random.pick(['', '', ...refusalsOf(site)])}`],
    [hook === 'forward' || hook === 'input' ? 0.5 : 0, 'meta l4proto tcp reject with tcp reset'],
    [hook === 'prerouting' || hook === 'output' ? 0.6 : 0, 'notrack'],
    [0.3, 'log prefix "x" group 5'],
    [0.3, family === 4 ? 'ip dscp set cs1' : 'ip6 dscp set cs1'],
  ]);
};
