import type { CiliumState } from './dataplane-state.ts';
import type { Netfilter } from './netfilter-state.ts';
import { depthOf, neverRead, neverReadOfNode } from './never-read.ts';
import { parseCilium } from './parse/cilium.ts';
import { parseFdb } from './parse/fdb.ts';
import { parseInet } from './parse/inet.ts';
import { parseIpset } from './parse/ipset.ts';
import { parseIptables } from './parse/iptables.ts';
import { parseIpvs } from './parse/ipvs.ts';
import type { Parsed } from './parse/json.ts';
import { optional } from './parse/json.ts';
import { parseLinks } from './parse/links.ts';
import { type ListedNamespace, parseDaemons, parseHealth, parseMeta, parseNamespaces, parseNsids, parsePeerIndexes } from './parse/namespaces.ts';
import { parseNeighbours } from './parse/neighbours.ts';
import { parseQueues } from './parse/nfqueue.ts';
import { parseNft, withDevices, withoutIptables } from './parse/nft.ts';
import { parseOvnAcls, parseOvnFlows } from './parse/ovn.ts';
import { parseOvs } from './parse/ovs.ts';
import { parseOvsPorts, withCounters } from './parse/ovs-ports.ts';
import { parseConntrack, parseSysctls, readGrepped } from './parse/proc.ts';
import { parseProtocolCounters } from './parse/protocol-counters.ts';
import { parseProxyHealth } from './parse/proxy-health.ts';
import { parseRecent } from './parse/recent.ts';
import { parseRoutes } from './parse/routes.ts';
import { parseRules } from './parse/rules.ts';
import { parseProcSockets, parseSctpEndpoints, parseSockets } from './parse/sockets.ts';
import { parseFilters, parseQdiscs } from './parse/tc.ts';
import { parseVlans } from './parse/vlans.ts';
import { parseWireguard } from './parse/wireguard.ts';
import { parseXdpDrops } from './parse/xdp.ts';
import { problemOf, unparsedProblem } from './problems.ts';
import { type RawCollection, type RawSection, wholeLines } from './raw.ts';
import type { Family, Netns, NodeSnapshot, SectionProblem } from './snapshot.ts';

/** The sections of one place (a namespace, or the node), with the problems met while reading them. */
class Sections {
  readonly #sections: RawSection[];
  readonly #problems: SectionProblem[];

  constructor(sections: RawSection[], problems: SectionProblem[]) {
    this.#sections = sections;
    this.#problems = problems;
  }

  has = (name: string): boolean => this.#sections.some((section) => section.name === name);

  isBlank = (name: string): boolean => {
    const own = this.#sections.filter((section) => section.name === name);
    return own.length > 0 && own.every((section) => section.status !== 'absent' && section.text.trim() === '' && problemOf(section) === undefined);
  };

  /** It came, and is whole. */
  isWhole = (name: string): boolean => {
    const own = this.#sections.filter((section) => section.name === name);
    return own.length > 0 && own.every((section) => problemOf(section) === undefined);
  };

  texts = (name: string): string[] => this.#sections.filter((section) => section.name === name).map(wholeLines);

  text = (name: string): string => this.texts(name).join('\n');

  /** What `parse` makes of the section; a section that failed before has its problem already and its remains are read as far as they go. */
  read = <Value>(name: string, parse: (text: string) => Parsed<Value>): Value => {
    const { value, unparsed } = parse(this.text(name));
    const sections = this.#sections.filter((section) => section.name === name);
    if (unparsed.length > 0 && sections.every((section) => problemOf(section) === undefined)) {
      this.#problems.push(unparsedProblem(name, sections[0]?.netns, unparsed));
    }
    return value;
  };
}

const FAMILIES: readonly Family[] = [4, 6];

/** Without its interfaces nothing else that was read of a namespace can be made sense of. */
const seenOf = (sections: Sections, scope: string | undefined): Pick<Netns, 'seen'> => {
  const depth = sections.has('links') ? depthOf(sections, scope) : 'listed';
  return depth === 'full' ? {} : { seen: depth };
};

/** Half a list would say of the other queues that nobody reads them. */
const readQueues = (sections: Sections): Pick<Netfilter, 'queues'> => {
  const queues = sections.read('nfqueue', (text) => {
    const { value, unparsed } = parseQueues(text);
    return { value: unparsed.length > 0 ? undefined : value, unparsed };
  });
  return sections.isWhole('nfqueue') ? optional('queues', queues) : {};
};

/** What the node says of the reading as a whole. */
interface Reading {
  inodeOfPin: ReadonlyMap<string, string>;
  /** What the collector was asked for; absent where it does not tell. */
  scope: string | undefined;
}

const readNetns = (listed: ListedNamespace, role: Netns['role'], sections: Sections, { inodeOfPin, scope }: Reading): Netns => {
  const peers = parsePeerIndexes(sections.text('ethtool'));
  const xdpDrops = sections.read('xdp', parseXdpDrops);
  const perFamily = <Value>(name: string, parse: (text: string, family: Family) => Parsed<Value[]>): Value[] =>
    FAMILIES.flatMap((family) => sections.read(`${name}-${family}`, (text) => parse(text, family)));
  // in JSON all three come from one run, in text from one each
  const inet = FAMILIES.map((family) => sections.read(`inet-${family}`, (text) => parseInet(text, family)));
  const iptables = [
    ...perFamily('iptables-nft', (text, family) => parseIptables(text, 'nft', family)),
    ...perFamily('iptables-legacy', (text, family) => parseIptables(text, 'legacy', family)),
  ];
  return {
    inode: listed.inode,
    role,
    ...optional('podUid', role === 'host' ? undefined : listed.podUid),
    ...optional('pid', listed.pids[0]),
    processes: listed.pids.length,
    pinnedAt: listed.pinnedAt,
    ...seenOf(sections, scope),
    localAddresses: listed.addresses,
    nsids: parseNsids(sections.text('nsids'), inodeOfPin),
    links: sections.read('links', parseLinks).map((link) => ({
      ...link,
      ...optional('ethtoolPeerIfindex', peers.get(link.name)),
      ...(link.xdp ? { xdp: { ...link.xdp, ...optional('dropped', xdpDrops.get(link.name)) } } : {}),
    })),
    routes: [...inet.flatMap(({ routes }) => routes), ...perFamily('routes', parseRoutes)],
    rules: [...inet.flatMap(({ rules }) => rules), ...perFamily('rules', parseRules)],
    neighbours: [
      ...inet.flatMap(({ neighbours }) => neighbours),
      ...perFamily('neighbours', parseNeighbours),
      ...perFamily('proxies', parseNeighbours),
    ],
    fdb: sections.read('fdb', parseFdb),
    vlans: sections.read('vlans', parseVlans),
    netfilter: {
      iptables,
      nft: withDevices(withoutIptables(sections.read('nft', parseNft), iptables), sections.text('nft-chains')),
      ipsets: sections.read('ipset', parseIpset),
      ...(sections.has('recent') ? { recent: parseRecent(sections.text('recent')) } : {}),
      ...readQueues(sections),
    },
    tc: {
      qdiscs: sections.read('tc-qdisc', parseQdiscs),
      filters: [
        ...sections.read('tc-ingress', (text) => parseFilters(text, 'ingress', sections.text('tc-devices'))),
        ...sections.read('tc-egress', (text) => parseFilters(text, 'egress', sections.text('tc-devices'))),
      ],
    },
    sysctls: sections.read('sysctls', parseSysctls),
    sockets: [
      ...sections.read('sockets', parseSockets),
      ...sections.read('sockets-proc', parseProcSockets),
      ...sections.read('sockets-sctp', parseSctpEndpoints),
    ],
    ipvs: sections.read('ipvs', parseIpvs),
    counters: sections.read('counters', parseProtocolCounters),
    ...(sections.has('wireguard') ? { wireguard: sections.read('wireguard', parseWireguard) } : {}),
    ...optional('conntrack', parseConntrack(sections.text('conntrack'))),
  };
};

/** Each `file` section is its path on the node and then its text. */
const readFiles = (sections: Sections): Record<string, string> => {
  const whole = sections.texts('file').map((text): [string, string] => [text.split('\n', 1)[0] ?? '', text.slice(text.indexOf('\n') + 1)]);
  const records = [...readGrepped(sections.text('ipam'))].map(([path, lines]): [string, string] => [
    path.replace(/^\/proc\/1\/root/, ''),
    lines.join('\n'),
  ]);
  return Object.fromEntries([...whole, ...records]);
};

const readCilium = (node: Sections): CiliumState => ({
  metrics: node.read('cilium-metrics', parseCilium.metrics),
  policy: node.read('cilium-policy', parseCilium.policy),
  endpoints: node.read('cilium-endpoints', parseCilium.endpoints),
  identities: node.read('cilium-identities', parseCilium.identities),
});

/** One raw collection, live or from a bundle, as facts. Never throws: what it cannot read becomes a problem. */
export const parseCollection = (raw: RawCollection): NodeSnapshot => {
  const problems = raw.sections.flatMap((section) => problemOf(section) ?? []);
  const at = (netns: string | undefined): Sections =>
    new Sections(
      raw.sections.filter((section) => section.netns === netns),
      problems,
    );
  const node = at(undefined);
  const meta = parseMeta(node.text('meta'));
  const listed = parseNamespaces(['processes', 'pins', 'claims', 'addresses'].map(node.text));
  const inodeOfPin = new Map([...listed.values()].flatMap(({ inode, pinnedAt }) => pinnedAt.map((path): [string, string] => [path, inode])));
  // an agent on a node shares its processes: the first of them is the node's own
  const host = raw.reach === 'node' ? (meta.host ?? [...listed.values()].find(({ pids }) => pids.includes(1))?.inode) : undefined;
  const entered = new Set(raw.sections.flatMap(({ netns }) => netns ?? []));
  const roleOf = ({ inode, podUid }: ListedNamespace): Netns['role'] => (inode === host ? 'host' : podUid === undefined ? 'other' : 'pod');
  const rank = (inode: string): number => (inode === host ? -1 : Number(inode));
  const namespaces = [...new Set([...listed.keys(), ...entered])]
    .sort((one, other) => rank(one) - rank(other))
    .map((inode) => {
      const known = listed.get(inode) ?? { inode, pids: [], pinnedAt: [], addresses: [], ...optional('podUid', raw.podUid) };
      return readNetns(known, raw.reach === 'pod' ? 'pod' : roleOf(known), at(inode), { inodeOfPin, scope: meta.scope });
    });
  problems.push(...namespaces.flatMap((netns) => neverRead(netns, at(netns.inode), meta.scope)));
  if (raw.reach === 'node') problems.push(...neverReadOfNode(node, meta.scope));
  if (raw.reach === 'pod') problems.push({ section: 'host', kind: 'missing', detail: 'seen from inside one pod only: nothing of its node was read' });
  const said = (section: string): boolean => node.text(section).trim() !== '';
  const withOvs = said('ovs');
  return {
    node: raw.node,
    clock: Number(meta.clock ?? 0),
    kernel: meta.kernel ?? '',
    namespaces,
    problems,
    files: readFiles(node),
    daemons: parseDaemons(node.text('daemons')),
    health: parseHealth(node.text('health')),
    ...optional('proxyWrote', parseProxyHealth(node.text('health'))),
    ...(withOvs ? { ovs: withCounters(node.read('ovs', parseOvs), node.read('ovs-ports', parseOvsPorts)) } : {}),
    ...(said('ovn-flows') || said('ovn-acls') ? { ovn: { ...node.read('ovn-acls', parseOvnAcls), ...node.read('ovn-flows', parseOvnFlows) } } : {}),
    ...(said('cilium-metrics') ? { cilium: readCilium(node) } : {}),
  };
};
