import type { Family } from '../../../src/node/snapshot.ts';
import { add, addRules, anywhere, type Draft, type NodeDraft, single, tag } from './draft.ts';
import { addressesOf, devicesOf, podOn, portOf, prefixOf } from './pool.ts';
import { addAddress, farHost, gatewayOf } from './topology.ts';

/** Where a space could send something: a gateway, which other odd routes must not keep from being added, or a device. */
const nextHopOf = (draft: Draft, space: string, family: Family): string => {
  const { random, nodes } = draft;
  const node = nodes.find(({ name }) => name === space);
  if (!node) return 'dev eth0';
  const others = nodes.filter((far) => far !== node);
  const hops = [
    `dev ${node.uplink}`,
    ...(draft.underlay === 'switch' ? others.map((far) => `via ${far.address[family]} dev ${node.uplink} onlink`) : []),
    ...(node.style === 'bridge'
      ? ['dev cni0', `via ${podOn(draft, space).address[family]} dev cni0 onlink`]
      : [`dev ${podOn(draft, space).hostDevice}`]),
  ];
  return random.pick(hops);
};

const wordOf = (family: Family): 'ip' | 'ip6' => (family === 4 ? 'ip' : 'ip6');

/** A route that refuses, or leads somewhere else, beside the right one. */
export const oddRoute = (draft: Draft, space: string): void => {
  const { random } = draft;
  const family = random.pick(draft.families);
  const prefix = prefixOf(draft, family);
  const type = random.weighted([
    [2, 'blackhole'],
    [2, 'unreachable'],
    [1.5, 'prohibit'],
    [1, 'throw'],
    [4, 'unicast'],
    [0.5, 'local'],
  ] as const);
  tag(draft, `route ${type}`);
  const metric = random.chance(0.3) ? ` metric ${random.pick([5, 50, 2000])}` : '';
  const to = type === 'unicast' ? nextHopOf(draft, space, family) : type === 'local' ? 'dev lo' : '';
  const name = type === 'unicast' ? '' : `${type} `;
  add(draft, space, wordOf(family), `route replace ${name}${prefix} ${to}${metric}`.replace(/ +/g, ' '));
};

export const removedRoute = (draft: Draft, space: string): void => {
  const at = draft.lines.map((line, index) => ({ line, index })).filter(({ line }) => line.space === space && line.text.startsWith('route add'));
  if (at.length === 0) return;
  tag(draft, 'route missing');
  draft.lines.splice(draft.random.pick(at).index, 1);
};

/** Rules of policy routing and a table that they lead to. */
export const policyRouting = (draft: Draft, space: string): void => {
  const { random, families } = draft;
  const family = random.pick(families);
  const table = random.int(100, 110);
  tag(draft, 'policy routing');
  for (let left = random.int(1, 3); left > 0; left -= 1)
    add(draft, space, wordOf(family), `rule add ${selector(draft, space, family)} ${ruleAction(draft, table)} pref ${random.int(1, 32000)}`);
  for (let left = random.int(0, 3); left > 0; left -= 1) {
    const type = random.weighted([
      [5, ''],
      [1, 'blackhole '],
      [1, 'throw '],
      [1, 'unreachable '],
      [0.7, 'prohibit '],
    ]);
    const to = type === '' ? nextHopOf(draft, space, family) : '';
    add(draft, space, wordOf(family), `route replace ${type}${random.chance(0.4) ? anywhere(family) : prefixOf(draft, family)} ${to} table ${table}`);
  }
};

const selector = (draft: Draft, space: string, family: Family): string => {
  const { random } = draft;
  const parts = random.some(
    [
      `from ${prefixOf(draft, family)}`,
      `from ${prefixOf(draft, family)}`,
      `to ${prefixOf(draft, family)}`,
      `fwmark ${random.pick(['0x4000/0x4000', '0x1', '0x8000/0x8000', '0/0x4000'])}`,
      `iif ${random.pick(['lo', ...devicesOf(draft, space)])}`,
      `oif ${random.pick(devicesOf(draft, space))}`,
      `ipproto ${random.pick(['tcp', 'udp'])}`,
      `ipproto tcp dport ${portOf(draft, 'tcp')}`,
      'uidrange 0-1000',
    ],
    random.int(1, 2),
  );
  // each word once
  const words = new Map(parts.map((part) => [part.split(' ')[0], part]));
  return `${random.chance(0.12) ? 'not ' : ''}${[...words.values()].join(' ')}`;
};

const ruleAction = ({ random }: Draft, table: number): string =>
  random.weighted([
    [6, `table ${table}`],
    [0.7, 'blackhole'],
    [0.7, 'unreachable'],
    [0.7, 'prohibit'],
    [1, 'table main suppress_prefixlength 0'],
    [0.5, 'table local'],
    [0.3, 'goto 32766'],
  ]);

/** A mark that iptables sets and a rule that looks at it, as many plugins do for what must leave another way. */
export const markedRouting = (draft: Draft, space: string): void => {
  const { random, families } = draft;
  const family = random.pick(families);
  const node = draft.nodes.find(({ name }) => name === space);
  const mark = random.pick(['0x10/0x10', '0x400/0x400']);
  const table = random.int(120, 130);
  tag(draft, 'marked routing');
  const place = { space, family, backend: node?.backend ?? 'nft', table: 'mangle' } as const;
  addRules(draft, place, `-A ${random.pick(['PREROUTING', 'OUTPUT'])} -d ${prefixOf(draft, family)} -j MARK --set-xmark ${mark}`);
  add(draft, space, wordOf(family), `rule add fwmark ${mark} table ${table} pref ${random.int(100, 30000)}`);
  add(draft, space, wordOf(family), `route replace ${anywhere(family)} ${nextHopOf(draft, space, family)} table ${table}`);
};

/** More than one next hop to another node's pods, or to anywhere. */
export const multipath = (draft: Draft, node: NodeDraft): void => {
  const { random, families, nodes } = draft;
  const others = nodes.filter((far) => far !== node);
  if (others.length === 0 || draft.underlay === 'router') return;
  const family = random.pick(families);
  const far = random.pick(others);
  const dead = family === 4 ? '10.33.0.99' : 'fd33::99';
  const hops = [far.address[family], random.pick([dead, ...others.map(({ address }) => address[family])])];
  tag(draft, 'multipath', 'random');
  const prefix = random.pick([far.podCidr[family], single(random.pick(addressesOf(draft, family)), family)]);
  const nexthops = [...new Set(hops)].map((via) => `nexthop via ${via} dev ${node.uplink} weight ${random.int(1, 3)}`).join(' ');
  add(draft, node.name, wordOf(family), `route replace ${prefix} ${nexthops}`);
};

/** Another address on a device: other sources, more local destinations. */
export const extraAddress = (draft: Draft, space: string): void => {
  const { random, families } = draft;
  const family = random.pick(families);
  const device = random.pick(['lo', ...devicesOf(draft, space)]);
  tag(draft, 'extra address');
  const address = random.pick([
    family === 4 ? `10.33.0.${random.int(20, 60)}/24` : `fd33::${random.int(20, 60)}/64`,
    single(family === 4 ? `172.16.0.${random.int(1, 9)}` : `fd16::${random.int(1, 9)}`, family),
    single(farHost[family], family),
    single(random.pick(draft.services.map(({ address: own }) => own[family]).concat(family === 4 ? '10.96.0.10' : 'fd96::10')), family),
  ]);
  add(draft, space, 'ip', addAddress(address, device));
};

/** Source addresses, sizes and gateways of the pod's own default route. */
export const oddDefault = (draft: Draft): void => {
  const { random, families } = draft;
  const pod = random.pick(draft.pods);
  const family = random.pick(families);
  const gateway = gatewayOf(pod.node)[family];
  const wrong = family === 4 ? `10.244.${pod.node.index}.99` : `fd44:${pod.node.index}::99`;
  tag(draft, 'odd default route');
  const text = random.pick([
    `route replace ${anywhere(family)} via ${wrong} dev eth0 onlink`,
    `route replace ${anywhere(family)} via ${gateway} dev eth0 onlink src ${pod.address[family]}`,
    `route replace ${anywhere(family)} dev eth0`,
    `route del ${anywhere(family)}`,
  ]);
  add(draft, pod.name, wordOf(family), text);
};
