import type { Family } from '../../../src/node/snapshot.ts';
import type { Draft } from './draft.ts';
import { addressesOf, devicesOf, markOf, portOf, prefixOf } from './pool.ts';

export type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';

/** Where a rule stands: what it may ask, and of what. */
export interface RuleSite {
  draft: Draft;
  space: string;
  family: Family;
  table: string;
  hook: Hook;
  /** ipsets of the space, by type. */
  sets: { name: string; type: string }[];
}

/** `-p` and what asks for ports or types, which only make sense together. */
export interface Asked {
  words: string[];
  protocol?: 'tcp' | 'udp' | 'icmp';
}

type Ask = (site: RuleSite) => string | undefined;

const not = ({ draft: { random } }: RuleSite): string => (random.chance(0.2) ? '! ' : '');

const hasInput = ({ hook }: RuleSite): boolean => hook === 'PREROUTING' || hook === 'INPUT' || hook === 'FORWARD';
const hasOutput = ({ hook }: RuleSite): boolean => hook === 'FORWARD' || hook === 'OUTPUT' || hook === 'POSTROUTING';

const device = ({ draft, space }: RuleSite): string => {
  const name = draft.random.pick(devicesOf(draft, space));
  return draft.random.chance(0.2) ? `${name.slice(0, Math.max(2, name.length - 1))}+` : name;
};

const asks: readonly (readonly [weight: number, ask: Ask])[] = [
  [6, (site) => onAddress(site, '-s')],
  [6, (site) => onAddress(site, '-d')],
  [3, (site) => (hasInput(site) ? `${not(site)}-i ${device(site)}` : undefined)],
  [3, (site) => (hasOutput(site) ? `${not(site)}-o ${device(site)}` : undefined)],
  [4, (site) => (site.table === 'raw' ? undefined : `-m conntrack ${not(site)}--ctstate ${states(site)}`)],
  [0.7, (site) => (site.table === 'raw' ? undefined : `-m state --state ${site.draft.random.pick(['NEW', 'ESTABLISHED', 'RELATED,ESTABLISHED'])}`)],
  [0.7, (site) => (site.table === 'raw' ? undefined : `-m conntrack ${not(site)}--ctorigdst ${prefixOf(site.draft, site.family)}`)],
  [0.5, (site) => (site.table === 'raw' ? undefined : `-m conntrack --ctdir ${site.draft.random.pick(['ORIGINAL', 'REPLY'])}`)],
  [4, (site) => `-m mark ${not(site)}--mark ${markOf(site.draft)}`],
  [1, (site) => (site.table === 'raw' ? undefined : `-m connmark ${not(site)}--mark ${markOf(site.draft)}`)],
  [2, (site) => `-m addrtype ${not(site)}--${site.draft.random.pick(['dst', 'src'])}-type ${site.draft.random.pick(['LOCAL', 'UNICAST', 'LOCAL'])}`],
  [3, setMatch],
  [1, (site) => `-m iprange ${not(site)}--${site.draft.random.pick(['src', 'dst'])}-range ${range(site)}`],
  [1.5, physdev],
  [
    0.7,
    (site) =>
      site.hook === 'OUTPUT' || site.hook === 'POSTROUTING' ? `-m owner ${not(site)}--uid-owner ${site.draft.random.pick([0, 1337])}` : undefined,
  ],
  [0.5, () => '-m pkttype --pkt-type unicast'],
  [0.5, (site) => `-m length --length ${site.draft.random.pick(['0:100', '61:65535', '1000:1500'])}`],
  [
    0.5,
    (site) =>
      site.family === 4
        ? `-m ttl --ttl-${site.draft.random.pick(['eq 64', 'lt 64', 'gt 62'])}`
        : `-m hl --hl-${site.draft.random.pick(['eq 64', 'lt 64', 'gt 62'])}`,
  ],
  [0.7, (site) => (site.hook === 'PREROUTING' && (site.table === 'raw' || site.table === 'mangle') ? `-m rpfilter${reversePath(site)}` : undefined)],
  [0.4, (site) => (hasInput(site) ? `-m mac ${not(site)}--mac-source ${site.draft.random.pick(site.draft.pods).mac}` : undefined)],
  [0.3, (site) => (site.family === 4 ? '-m u32 --u32 "0x6&0xff=0x6"' : undefined)],
  [0.4, () => '-m limit --limit 10000/sec --limit-burst 10000'],
  [0.3, (site) => (hasOutput(site) ? '-m policy --dir out --pol none' : '-m policy --dir in --pol none')],
  [
    1,
    (site) =>
      `-m comment --comment "${site.draft.random.pick(['cali:x', 'it is "quoted"', 'plain words -j DROP'])}"`.replace('"quoted"', '\\"quoted\\"'),
  ],
];

/** iptables-nft refuses to negate what is always true. */
const onAddress = (site: RuleSite, option: '-s' | '-d'): string => {
  const prefix = prefixOf(site.draft, site.family);
  return prefix.endsWith('/0') ? `${option} ${prefix}` : `${not(site)}${option} ${prefix}`;
};

const states = ({ draft: { random } }: RuleSite): string =>
  random.pick([
    'NEW',
    'ESTABLISHED',
    'RELATED,ESTABLISHED',
    'INVALID',
    'NEW,ESTABLISHED',
    'INVALID,NEW',
    'DNAT',
    'SNAT',
    'UNTRACKED',
    'RELATED,ESTABLISHED,DNAT',
  ]);

const reversePath = ({ draft: { random } }: RuleSite): string =>
  random.pick([' --invert', ' --validmark --invert', '', ' --loose', ' --loose --invert', ' --accept-local']);

/** Two neighbours among the addresses, in order. */
const range = ({ draft, family }: RuleSite): string => {
  const [node] = draft.random.some(draft.nodes, 1);
  const base = family === 4 ? `10.244.${node?.index}.` : `fd44:${node?.index}::`;
  return `${base}${draft.random.int(1, 4)}-${base}${draft.random.int(5, 9)}`;
};

function setMatch(site: RuleSite): string | undefined {
  const { draft, sets } = site;
  if (sets.length === 0) return undefined;
  const { name, type } = draft.random.pick(sets);
  const sides = (type.split(':')[1] ?? '').split(',').map((kind) => {
    if (kind === 'iface') return hasInput(site) ? 'src' : 'dst';
    return draft.random.pick(['src', 'dst']);
  });
  return `-m set ${not(site)}--match-set ${name} ${sides.join(',')}`;
}

function physdev(site: RuleSite): string | undefined {
  const { draft, space, hook } = site;
  const ports = devicesOf(draft, space).filter((name) => /^(veth|vx)/.test(name));
  if (ports.length === 0 || hook === 'OUTPUT') return undefined;
  if (hook === 'PREROUTING' || hook === 'INPUT') return `-m physdev ${not(site)}--physdev-in ${draft.random.pick(ports)}`;
  return `-m physdev ${draft.random.pick([`${not(site)}--physdev-is-bridged`, `${not(site)}--physdev-in ${draft.random.pick(ports)}`, `--physdev-is-bridged --physdev-out ${draft.random.pick(ports)}`])}`;
}

/** Protocol and ports, flags or types. */
const protocolAsk = (site: RuleSite): Asked => {
  const { draft, family } = site;
  const { random } = draft;
  const protocol = random.weighted([
    [5, 'tcp'],
    [3, 'udp'],
    [2, 'icmp'],
  ] as const);
  if (protocol === 'icmp') {
    const type = random.pick(['echo-request', 'echo-reply', 'echo-request']);
    const exact = random.chance(0.4);
    if (family === 4) return { protocol, words: [exact ? `-p icmp -m icmp ${not(site)}--icmp-type ${type}` : '-p icmp'] };
    return { protocol, words: [exact ? `-p ipv6-icmp -m icmp6 ${not(site)}--icmpv6-type ${type}` : '-p ipv6-icmp'] };
  }
  if (random.chance(0.1)) return { words: [`! -p ${protocol}`] };
  const port = portOf(draft, protocol);
  const ports = random.weighted([
    [4, `-m ${protocol} ${not(site)}--dport ${port}`],
    [1, `-m ${protocol} --sport ${port}`],
    [1, `-m ${protocol} --sport 20000:60000`],
    [2, `-m multiport ${not(site)}--dports ${port},443,${random.int(8000, 8079)}:8090`],
    [0.5, `-m multiport --ports ${port},9`],
    [
      protocol === 'tcp' ? 1 : 0,
      `-m tcp ${not(site)}--tcp-flags ${random.pick(['SYN,RST,ACK,FIN SYN', 'ALL SYN', 'SYN,RST SYN', 'SYN,ACK SYN,ACK'])}`,
    ],
    [2, ''],
  ]);
  return { protocol, words: [`-p ${protocol}${ports === '' ? '' : ` ${ports}`}`] };
};

/** What a target insists on. */
export type Need = 'tcp' | 'syn';

const needed: Record<Need, string> = { tcp: '-p tcp', syn: '-p tcp -m tcp --tcp-flags SYN,RST SYN' };

/** 0–3 questions that can stand together. */
export const matchWords = (site: RuleSite, needs?: Need): Asked => {
  const { random } = site.draft;
  const protocol: Asked = needs ? { protocol: 'tcp', words: [needed[needs]] } : random.chance(0.45) ? protocolAsk(site) : { words: [] };
  const wanted = random.weighted([
    [2, 0],
    [4, 1],
    [3, 2],
    [1, 3],
  ] as const);
  const words = new Map<string, string>();
  for (let at = 0; at < wanted; at += 1) {
    const asked = random.weighted(asks)(site);
    // an option may stand once
    const option =
      asked
        ?.replace(/^! /, '')
        .split(' ')
        .slice(0, 2)
        .join(' ')
        .replace(/^(-[sdio]) .*/, '$1') ?? '';
    if (asked !== undefined && !words.has(option)) words.set(option, asked);
  }
  // iptables-save's order: addresses and devices, protocol, modules
  const [plain, modules] = [
    [...words.values()].filter((text) => !text.startsWith('-m')),
    [...words.values()].filter((text) => text.startsWith('-m')),
  ];
  return { ...protocol, words: [...plain, ...protocol.words, ...modules] };
};

export const anAddress = ({ draft, family }: RuleSite): string => draft.random.pick(addressesOf(draft, family));
