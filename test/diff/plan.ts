import { netns as collectorOfNetns } from '../../src/node/collector/netns.ts';
import type { Case, Line, Space, Xtables } from './case.ts';
import { openPorts } from './generate/services.ts';

/** What the Go program carries out, field by field as in kernel/plan.go. */
export interface Plan {
  id: number;
  spaces: string[];
  steps: Step[];
  reads: Read[];
  listen: number[];
  tcpPorts: number[];
  udpPorts: number[];
  probes: PlannedProbe[];
  after: Read[];
  quietMs: number;
  patienceMs: number;
}

interface Step {
  space: number;
  argv?: string[];
  stdin?: string;
  write?: [path: string, value: string][];
}

export type Read = { space: number; name: string } & ({ argv: string[]; stdin?: string } | { globs: string[] } | { nsids: number[] });

interface PlannedProbe {
  space: number;
  source: string;
  destination: string;
  protocol: string;
  sourcePort: number;
  destinationPort: number;
  attempts: number;
  size: number;
  fragment: boolean;
}

/** How long to watch: `hasty` for the many, `patient` to make sure of what looks wrong. */
export type Pace = 'hasty' | 'patient';

const paces: Record<Pace, Pick<Plan, 'quietMs' | 'patienceMs'>> = {
  hasty: { quietMs: 230, patienceMs: 1200 },
  patient: { quietMs: 900, patienceMs: 4000 },
};

export const planOf = (subject: Case, id: number, pace: Pace): Plan => {
  const spaces = subject.spaces.map(({ name }) => name);
  const at = (name: string): number => spaces.indexOf(name);
  return {
    id,
    spaces,
    // a link's other end is made from this end's space, and takes the defaults of the space it lands in
    steps: [
      ...subject.spaces.map((space) => defaultsOf(space, at(space.name), subject)),
      ...subject.spaces.flatMap((space) => stepsOf(space, at(space.name), subject)),
    ],
    reads: subject.spaces.filter(({ role }) => role !== 'outside').flatMap((space) => readsOf(space, subject, at)),
    listen: spaces.map((_, index) => index),
    tcpPorts: openPorts.tcp,
    udpPorts: openPorts.udp,
    probes: subject.probes.map(({ from, source = '', size = 0, fragment = false, ...probe }) => ({
      space: at(from),
      source,
      size,
      fragment,
      ...probe,
    })),
    after: subject.spaces.filter(({ role }) => role !== 'outside').flatMap(({ name }) => countedReads(at(name), linesOf(subject, name))),
    ...paces[pace],
  };
};

const linesOf = ({ lines }: Case, space: string): Line[] => lines.filter((line) => line.space === space);

/** A new namespace takes these from the machine it is made on (net/ipv4/devinet.c devinet_init_net): a case has to start the same on all. */
const plain = ['all', 'default'].flatMap((device) =>
  Object.entries({
    rp_filter: 0,
    accept_local: 0,
    route_localnet: 0,
    proxy_arp: 0,
    arp_ignore: 0,
    arp_announce: 0,
    arp_filter: 0,
    src_valid_mark: 0,
    send_redirects: 0,
    accept_redirects: 0,
  }).map(([name, value]) => `net/ipv4/conf/${device}/${name}=${value}`),
);

/**
 * What takes chance and time out of a namespace without changing what it does with a packet: addresses are usable at once, a neighbour
 * that does not answer is given up after a fifth of a second, hardly any ICMP error is held back, and no redirect changes routes under way.
 */
const calm = [
  'net/ipv4/ip_forward=1',
  ...plain,
  'net/ipv6/conf/default/accept_redirects=0',
  'net/ipv6/conf/default/accept_dad=0',
  'net/ipv6/conf/default/dad_transmits=0',
  'net/ipv6/conf/default/accept_ra=0',
  'net/ipv6/conf/default/router_solicitations=0',
  // multicast reports, which a tunnel that floods carries to other nodes, are over before the nodes are read
  'net/ipv6/conf/default/mldv1_unsolicited_report_interval=10',
  'net/ipv6/conf/default/mldv2_unsolicited_report_interval=10',
  'net/ipv4/icmp_ratelimit=0',
  // still limited: a tunnel whose packets are translated to a closed port answers its own errors
  'net/ipv4/icmp_msgs_per_sec=1000',
  'net/ipv4/icmp_msgs_burst=1000',
  'net/ipv6/icmp/ratelimit=0',
];

/** The same for neighbours, device by device: a namespace other than the first has no defaults for them. */
const calmNeighbours = (space: string, { lines }: Case): string[] => {
  const devices = lines.flatMap((line) => {
    const [, near] = (line.tool === 'ip' && /^link add (?!link )(\S+)/.exec(line.text)) || [];
    const [, far, where] = (line.tool === 'ip' && /(?:peer|link add link \S+) name (\S+) .*netns @(.*)@/.exec(line.text)) || [];
    return [...(line.space === space && near !== undefined ? [near] : []), ...(where === space && far !== undefined ? [far] : [])];
  });
  return devices.flatMap((device) =>
    ['arp_cache', 'ndisc_cache'].map((table) => `ntable change name ${table} dev ${device} retrans 60 proxy_delay 0`),
  );
};

const setting = (text: string): [string, string] => {
  const [path = '', value = ''] = text.split('=');
  return [`/proc/sys/${path}`, value];
};

const defaultsOf = ({ name }: Space, space: number, subject: Case): Step => {
  const own = linesOf(subject, name).flatMap(({ tool, text }) => (tool === 'sysctl' && text.includes('/default/') ? text : []));
  return { space, write: [...calm, ...own].map(setting) };
};

const batches: Record<'ip' | 'ip6' | 'bridge' | 'ipset' | 'nft' | 'tc', string[]> = {
  ip: ['ip', '-batch', '-'],
  ip6: ['ip', '-6', '-batch', '-'],
  bridge: ['bridge', '-batch', '-'],
  ipset: ['ipset', 'restore'],
  nft: ['nft', '-f', '-'],
  tc: ['tc', '-batch', '-'],
};

const xtables: readonly Xtables[] = ['iptables-legacy', 'ip6tables-legacy', 'iptables-nft', 'ip6tables-nft'];

const stepsOf = ({ name }: Space, space: number, subject: Case): Step[] => {
  const lines = linesOf(subject, name);
  const texts = (tool: Line['tool']): string[] => lines.flatMap((line) => (line.tool === tool ? line.text : []));
  const fed = (tool: keyof typeof batches, more: string[] = []): Step[] => {
    const input = [...texts(tool), ...more];
    return input.length === 0 ? [] : [{ space, argv: batches[tool], stdin: `${input.join('\n')}\n` }];
  };
  const late = texts('sysctl').filter((text) => !text.includes('/default/'));
  return [
    ...fed('ip', calmNeighbours(name, subject)),
    ...fed('ip6'),
    ...fed('bridge'),
    ...fed('ipset'),
    ...xtables.flatMap((tool) => restored(tool, lines).map((stdin) => ({ space, argv: [`${tool}-restore`], stdin }))),
    ...fed('nft'),
    ...fed('tc'),
    ...(late.length === 0 ? [] : [{ space, write: late.map(setting) }]),
  ];
};

/** Input of iptables-restore: of each table its chains, then its rules. */
const restored = (tool: Xtables, lines: Line[]): string[] => {
  const own = lines.filter((line): line is Extract<Line, { table: string }> => line.tool === tool);
  const tables = [...new Set(own.map(({ table }) => table))].map((table) => {
    const texts = own.filter((line) => line.table === table).map(({ text }) => text);
    const [chains, rules] = [texts.filter((text) => text.startsWith(':')), texts.filter((text) => !text.startsWith(':'))];
    return [`*${table}`, ...new Set(chains), ...rules, 'COMMIT'].join('\n');
  });
  return tables.length === 0 ? [] : [`${tables.join('\n')}\n`];
};

/** The collector's own sections by the collector's own commands, without the shell between, which costs ten times as much. */
const readsOf = ({ name, role }: Space, subject: Case, at: (name: string) => number): Read[] => {
  const space = at(name);
  const lines = linesOf(subject, name);
  const own = subject.spaces.find((one) => one.name === name);
  const others = subject.spaces.filter((one) => one.role !== 'outside' && own?.role !== 'outside' && one.node === own?.node && one !== own);
  const shows = ['addr show', 'route show table all', 'neigh show', 'neigh show proxy', 'rule show'];
  return [
    // of both families but for the rules; world.ts makes the collector's sections of it
    { space, name: 'ip', argv: ['ip', '-s', '-s', '-d', '-j', '-force', '-batch', '-'], stdin: `${shows.join('\n')}\n` },
    ...(lines.some(({ text }) => text.startsWith('rule ')) ? [{ space, name: 'ip-6', argv: ['ip', '-6', '-d', '-j', 'rule', 'show'] }] : []),
    ...(role === 'host' ? [{ space, name: 'fdb', argv: ['bridge', '-j', '-d', 'fdb', 'show'] }] : []),
    { space, name: 'nsids', nsids: others.map((other) => at(other.name)) },
    ...rulesReads(space, lines),
    ...(lines.some(({ tool }) => tool === 'ipset') ? [{ space, name: 'ipset', argv: ['ipset', 'save'] }] : []),
    ...(lines.some(({ tool }) => tool === 'tc') ? trafficReads(space, lines) : []),
    // of this thread: the program as a whole is in no namespace
    ...(lines.some(({ text }) => text.includes(' NFQUEUE '))
      ? [{ space, name: 'nfqueue', globs: ['/proc/thread-self/net/netfilter/nfnetlink_queue'] }]
      : []),
    { space, name: 'sysctls', globs: sysctlGlobs },
  ];
};

/** Rules with their counters. */
const rulesReads = (space: number, lines: Line[]): Read[] => {
  const tables = new Set(lines.flatMap(({ tool, text }) => (tool === 'nft' && text.startsWith('add table ') ? text.slice(10) : [])));
  return [
    ...xtables
      .filter((tool) => lines.some((line) => line.tool === tool))
      .map((tool) => {
        const [program = '', backend] = tool.split('-');
        return { space, name: `iptables-${backend}-${program === 'iptables' ? 4 : 6}`, argv: [`${tool}-save`, '-c'] };
      }),
    ...[...tables].map((table) => ({ space, name: 'nft', argv: ['nft', '-j', 'list', 'table', ...table.split(' ')] })),
    ...([...tables].some((table) => table.startsWith('netdev ')) ? [{ space, name: 'nft-chains', argv: ['nft', 'list', 'chains', 'netdev'] }] : []),
  ];
};

/** Of nft only tables in which anything counts. */
const countedReads = (space: number, lines: Line[]): Read[] =>
  rulesReads(
    space,
    lines.filter(({ tool, text }) => {
      const [, table] = (tool === 'nft' && /^add table (\S+ \S+)/.exec(text)) || [];
      return (
        table === undefined ||
        lines.some((line) => line.tool === 'nft' && line.text.startsWith(`add rule ${table} `) && / counter( |$)/.test(line.text))
      );
    }),
  );

const trafficReads = (space: number, lines: Line[]): Read[] => {
  const devices = lines.flatMap(({ tool, text }) => {
    const [, device = '', kind = ''] = (tool === 'tc' && /^qdisc add dev (\S+) (ingress|clsact)/.exec(text)) || [];
    return device === '' ? [] : [{ device, kind }];
  });
  const ask = (side: 'ingress' | 'egress'): string =>
    devices
      .filter(({ kind }) => kind === 'clsact' || side === 'ingress')
      .map(({ device }) => `qdisc show dev ${device}\nfilter show dev ${device} ${side}\n`)
      .join('');
  const list = devices.map(({ device, kind }) => `${kind} ${device}`).join('\n');
  return [
    { space, name: 'tc-qdisc', argv: ['tc', '-s', 'qdisc', 'show'] },
    { space, name: 'tc-devices', argv: ['printf', '%s\\n', list] },
    { space, name: 'tc-ingress', argv: ['tc', '-s', '-force', '-batch', '-'], stdin: ask('ingress') },
    { space, name: 'tc-egress', argv: ['tc', '-s', '-force', '-batch', '-'], stdin: ask('egress') },
  ];
};

/** Taken from the collector's text, so that both always read the same. */
const sysctlGlobs = ((): string[] => {
  const [, paths = ''] = /quick_section sysctls grep -rsH \. ((?:.*\\\n)*.*)/.exec(collectorOfNetns) ?? [];
  const globs = paths.split(/[\s\\]+/).filter((word) => word.startsWith('/proc/sys/'));
  if (globs.length === 0) throw new Error('the collector does not read sysctls where it is expected to');
  return globs;
})();
