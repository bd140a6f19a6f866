import type { Family } from '../../../src/node/snapshot.ts';
import { add, addRules, type Draft, single, tag } from './draft.ts';
import { type Hook, matchWords, type Need, type RuleSite } from './iptables-match.ts';
import { addressesOf, devicesOf, markOf, portOf, prefixOf } from './pool.ts';
import { hostPortOf, openPorts } from './services.ts';

const hooksOf: Record<string, Hook[]> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'OUTPUT', 'POSTROUTING', 'INPUT'],
  filter: ['FORWARD', 'FORWARD', 'FORWARD', 'INPUT', 'OUTPUT'],
};

/** Rules at random in one or two tables of a space: chains that jump, go to and return, on what this case's packets look like. */
export const iptablesRules = (draft: Draft, space: string, backend: 'legacy' | 'nft'): void => {
  const { random, families } = draft;
  tag(draft, `iptables ${backend}`);
  for (const table of random.some(['raw', 'mangle', 'nat', 'filter', 'filter'], random.int(1, 2))) {
    const family = random.pick(families);
    const sets = random.chance(0.4) ? ipsets(draft, space, family) : [];
    for (const hook of new Set(random.some(hooksOf[table] ?? [], random.int(1, 2)))) {
      chainTree({ draft, space, family, table, hook, sets }, backend);
    }
  }
};

/** A built-in chain's rules, and the chains that hang on it, which only this hook reaches: targets of nat mind where they are. */
const chainTree = (site: RuleSite, backend: 'legacy' | 'nft'): void => {
  const { draft, space, family, table, hook } = site;
  const { random } = draft;
  const place = { space, family, backend, table };
  const prefix = `${hook.slice(0, 4)}-${random.int(100, 999)}`;
  const chains = Array.from({ length: random.int(0, 3) }, (_, at) => `${prefix}-${at}`);
  if (random.chance(0.08) && (table === 'filter' || table === 'mangle')) {
    tag(draft, 'policy DROP');
    addRules(draft, place, `:${hook} DROP [0:0]`);
  }
  addRules(draft, place, ...chains.map((chain) => `:${chain} - [0:0]`));
  const names = [hook, ...chains];
  names.forEach((name, at) => {
    const below = names.slice(at + 1);
    for (let left = random.int(1, 4); left > 0; left -= 1) addRules(draft, place, `-A ${name} ${rule(site, below)}`);
  });
};

const rule = (site: RuleSite, below: string[]): string => {
  const { random } = site.draft;
  if (below.length > 0 && random.chance(0.4)) return [...matchWords(site).words, random.chance(0.75) ? '-j' : '-g', random.pick(below)].join(' ');
  if (random.chance(0.03)) return matchWords(site).words.join(' ');
  const { needs, target } = targetOf(site);
  return [...matchWords(site, needs).words, '-j', target(site)].join(' ');
};

interface Target {
  /** Without which iptables refuses it. */
  needs?: Need;
  target: (site: RuleSite) => string;
}

const plain = (text: string): Target => ({ target: () => text });

const setMark: Target = {
  target: ({ draft }) =>
    `MARK ${draft.random.pick(['--set-xmark', '--set-xmark', '--set-mark', '--or-mark', '--and-mark', '--xor-mark'])} ${markOf(draft)}`,
};

/** `--or-mark` and its like take no mask. */
const unmasked = ({ target }: Target): Target => ({
  target: (site) => target(site).replace(/^(MARK --(?:or|and|xor)-mark) (\S+)\/\S+$/, '$1 $2'),
});

const connmark: Target = {
  target: ({ draft }) =>
    draft.random.pick([
      'CONNMARK --save-mark',
      'CONNMARK --restore-mark',
      `CONNMARK --set-xmark ${markOf(draft)}`,
      'CONNMARK --restore-mark --nfmask 0xffff --ctmask 0xffff',
      'CONNMARK --save-mark --nfmask 0x4000 --ctmask 0x4000',
    ]),
};

const reject: Target = {
  target: ({ draft, family }) =>
    `REJECT${draft.random.pick(['', ...(family === 4 ? ['icmp-port-unreachable', 'icmp-host-prohibited', 'icmp-admin-prohibited', 'icmp-net-unreachable'] : ['icmp6-port-unreachable', 'icmp6-adm-prohibited', 'icmp6-addr-unreachable']).map((how) => ` --reject-with ${how}`)])}`,
};

const destinationNat: Target = {
  target: ({ draft, family, space }) => {
    const { random, pods } = draft;
    return random.weighted([
      [3, `DNAT --to-destination ${random.pick(pods).address[family]}`],
      [1, `REDIRECT`],
      [0.5, `NETMAP --to ${random.pick(pods).node.podCidr[family]}`],
      [0.5, `DNAT --to-destination ${draft.nodes.find(({ name }) => name === space)?.address[family] ?? random.pick(pods).address[family]}`],
    ]);
  },
};

/** With ports, which only TCP and UDP have. */
const destinationPortNat: Target = {
  needs: 'tcp',
  target: ({ draft, family }) => {
    const { random, pods } = draft;
    const port = random.pick(openPorts.tcp);
    return random.pick([
      `DNAT --to-destination ${hostPortOf(random.pick(pods).address[family], port)}`,
      `REDIRECT --to-ports ${port}`,
      `DNAT --to-destination :${port}`,
    ]);
  },
};

const sourceNat: Target = {
  target: ({ draft, family, space, hook }) => {
    const node = draft.nodes.find(({ name }) => name === space);
    const own = node?.address[family] ?? addressesOf(draft, family)[0];
    if (hook === 'INPUT') return `SNAT --to-source ${own}`;
    return draft.random.weighted([
      [4, 'MASQUERADE'],
      [1, 'MASQUERADE --random-fully'],
      [2, `SNAT --to-source ${own}`],
      [0.5, `SNAT --to-source ${draft.random.pick(draft.pods).address[family]}`],
    ]);
  },
};

/** Nobody reads any. */
const queue: Target = {
  target: ({ draft: { random } }) =>
    `NFQUEUE --queue-${random.pick(['num 7', 'num 7', 'balance 7:9'])}${random.chance(0.6) ? ' --queue-bypass' : ''}`,
};

const tables: Record<string, (site: RuleSite) => readonly (readonly [number, Target])[]> = {
  raw: () => [
    [2, plain('ACCEPT')],
    [1.5, plain('DROP')],
    [1.5, plain('CT --notrack')],
    [0.7, plain('NOTRACK')],
    [2, unmasked(setMark)],
    [1, plain('RETURN')],
    [0.3, queue],
  ],
  mangle: ({ family, hook }) => [
    [5, unmasked(setMark)],
    [2, connmark],
    [1, plain('ACCEPT')],
    [1, plain('DROP')],
    [1, plain('RETURN')],
    [0.3, queue],
    // never up: with a routing loop a packet would run for ever
    [0.3, plain(family === 4 ? 'TTL --ttl-dec 3' : 'HL --hl-dec 3')],
    [0.3, plain('DSCP --set-dscp 0x0a')],
    [hook === 'FORWARD' || hook === 'POSTROUTING' ? 0.5 : 0, { needs: 'syn', target: () => 'TCPMSS --set-mss 1000' }],
  ],
  nat: ({ hook }) => [
    [hook === 'PREROUTING' || hook === 'OUTPUT' ? 4 : 0, destinationNat],
    [hook === 'PREROUTING' || hook === 'OUTPUT' ? 2 : 0, destinationPortNat],
    [hook === 'POSTROUTING' || hook === 'INPUT' ? 4 : 0, sourceNat],
    [1, plain('ACCEPT')],
    [1, plain('RETURN')],
    [1, unmasked(setMark)],
    [0.5, queue],
  ],
  filter: () => [
    [4, plain('ACCEPT')],
    [3, plain('DROP')],
    [2, reject],
    [0.7, { needs: 'tcp', target: () => 'REJECT --reject-with tcp-reset' }],
    [2, plain('RETURN')],
    [1, unmasked(setMark)],
    [0.3, plain('LOG')],
    [0.3, plain('NFLOG --nflog-group 5')],
    [0.6, queue],
  ],
};

const targetOf = (site: RuleSite): Target => site.draft.random.weighted(tables[site.table]?.(site) ?? []);

const setTypes: readonly (readonly [number, string])[] = [
  [4, 'hash:ip'],
  [4, 'hash:net'],
  [2, 'hash:ip,port'],
  [1, 'hash:net,port'],
  [1, 'hash:ip,port,ip'],
  [1, 'hash:ip,port,net'],
  [1, 'hash:net,iface'],
  [0.7, 'list:set'],
  [0.5, 'bitmap:port'],
  [0.4, 'bitmap:ip'],
];

/** One or two sets of what the packets have. */
export const ipsets = (draft: Draft, space: string, family: Family): RuleSite['sets'] => {
  const { random } = draft;
  return Array.from({ length: random.int(1, 2) }, () => {
    const wanted = random.weighted(setTypes);
    const type = family === 6 && wanted === 'bitmap:ip' ? 'hash:ip' : wanted;
    const name = `s${draft.lines.length}-${family}`;
    tag(draft, `ipset ${type}`);
    addSet(draft, { space, family, name, type });
    return { name, type: type === 'list:set' ? 'list:ip' : type };
  });
};

const addSet = (draft: Draft, { space, family, name, type }: { space: string; family: Family; name: string; type: string }): void => {
  const inet = family === 4 ? 'inet' : 'inet6';
  const { random } = draft;
  if (type === 'list:set') {
    for (const at of [1, 2]) {
      add(draft, space, 'ipset', `create ${name}-${at} hash:net family ${inet}`, `add ${name}-${at} ${netEntry(draft, family)}`);
    }
    add(draft, space, 'ipset', `create ${name} list:set`, `add ${name} ${name}-1`, `add ${name} ${name}-2`);
    return;
  }
  const options = { 'bitmap:port': ' range 0-65535', 'bitmap:ip': ' range 10.244.0.0/16' }[type] ?? ` family ${inet}`;
  add(draft, space, 'ipset', `create ${name} ${type}${options}`);
  const kinds = (type.split(':')[1] ?? '').split(',');
  const entries = new Set(
    Array.from({ length: random.int(1, 4) }, () =>
      kinds.map((kind, at) => dimension(draft, { kind, family, space, bitmap: type.startsWith('bitmap'), at })).join(','),
    ),
  );
  for (const entry of entries) {
    const except = kinds.includes('net') && random.chance(0.15) ? ' nomatch' : '';
    add(draft, space, 'ipset', `add ${name} ${entry}${except} -exist`);
  }
};

/** hash:net takes no /0. */
const netEntry = (draft: Draft, family: Family): string => {
  const prefix = prefixOf(draft, family);
  return prefix.endsWith('/0') ? single(draft.random.pick(draft.pods).address[family], family) : prefix;
};

const dimension = (
  draft: Draft,
  { kind, family, space, bitmap, at }: { kind: string; family: Family; space: string; bitmap: boolean; at: number },
): string => {
  const { random, pods } = draft;
  const protocol = random.pick(['tcp', 'udp'] as const);
  const made: Record<string, () => string> = {
    ip: () => (bitmap ? random.pick(pods).address[4] : random.pick(addressesOf(draft, family))),
    net: () => netEntry(draft, family),
    port: () => (bitmap ? `${portOf(draft, protocol)}` : `${protocol}:${portOf(draft, protocol)}`),
    iface: () => random.pick(devicesOf(draft, space)),
  };
  return made[kind]?.() ?? `${at}`;
};
