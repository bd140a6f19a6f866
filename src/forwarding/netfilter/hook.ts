import type { NftChain, NftTable } from '../../node/netfilter-state.ts';
import type { Family, Netns } from '../../node/snapshot.ts';
import { assume, decided } from '../flight.ts';
import type { RuleRef } from '../hop.ts';
import { type HookName, isV6, type Pass } from '../pass.ts';
import { placeKey } from '../world.ts';
import { proceed, type Verdict } from './context.ts';
import { chainNamed } from './iptables/compile.ts';
import { runBaseChain } from './iptables/run.ts';
import { scheduled } from './ipvs.ts';
import { sidesAt, translate } from './nat.ts';
import { runNftBaseChain } from './nft/run.ts';
import { track } from './track.ts';

/** One registered base chain, or what the kernel does by itself, in the kernel's order at its hook. */
interface Station {
  priority: number;
  /** NAT chains see only the first packet of a flow, all in one go (nf_nat_core.c nf_nat_inet_fn). */
  nat: boolean;
  run: (pass: Pass) => Verdict;
}

/** Which rules see a packet: those of its own family, or those of the bridge it crosses. */
type Layer = Family | 'bridge';

const CONNTRACK = -200;
const DESTINATION_NAT = -100;
const SOURCE_NAT = 100;

/** Priorities of iptables' tables (include/uapi/linux/netfilter_ipv4.h nf_ip_hook_priorities); nat's is that of the side it translates. */
const tablePriorities: Record<string, number> = { raw: -300, mangle: -150, filter: 0, security: 50 };
const priorityOf = (table: string, hook: HookName): number => (table === 'nat' ? natPriority(hook) : tablePriorities[table]) ?? 0;

const cache = new WeakMap<Netns, Map<string, Station[]>>();

const stations = (netns: Netns, layer: Layer, hook: HookName): Station[] => {
  const known = cache.get(netns) ?? new Map<string, Station[]>();
  cache.set(netns, known);
  const key = `${layer} ${hook}`;
  const chains = known.get(key) ?? collect(netns, layer, hook);
  known.set(key, chains);
  return chains;
};

const collect = (netns: Netns, layer: Layer, hook: HookName): Station[] => {
  const chains = inOrder([...(layer === 'bridge' ? [] : iptablesChains(netns, layer, hook)), ...nftChains(netns, layer, hook)]);
  const own = layer === 'bridge' ? [] : builtin(hook, chains);
  return [...own, ...chains.filter(({ nat }) => !nat)].sort((a, b) => a.priority - b.priority);
};

/** Of one priority, whoever came last is first (net/netfilter/core.c nf_hook_entries_grow); chains are listed as they were made. */
const inOrder = (stations: Station[]): Station[] => stations.toReversed().sort((a, b) => a.priority - b.priority);

/** Connection tracking, translation and IPVS, which are no rules but stand among them. */
const builtin = (hook: HookName, chains: Station[]): Station[] => {
  const at = natPriority(hook);
  const nat = chains.filter((chain) => chain.nat);
  return [
    ...(hook === 'prerouting' || hook === 'output' ? [{ priority: CONNTRACK, nat: false, run: track }] : []),
    ...(at === undefined
      ? []
      : [
          {
            priority: at,
            nat: false,
            run: (pass: Pass) =>
              translate(
                pass,
                nat.map(({ run }) => run),
              ),
          },
        ]),
    // just before source NAT of what is meant for this host, just behind destination NAT of what it sends (ip_vs_core.c ip_vs_ops4)
    ...(hook === 'input' || hook === 'output'
      ? [{ priority: hook === 'input' ? SOURCE_NAT - 1 : DESTINATION_NAT + 2, nat: false, run: scheduled }]
      : []),
  ];
};

const natPriority = (hook: HookName): number | undefined => {
  const [side] = sidesAt(hook);
  return side === undefined ? undefined : side === 'destination' ? DESTINATION_NAT : SOURCE_NAT;
};

/** Which of two iptables was there first nobody can read; legacy's tables are taken for the older ones. */
const iptablesChains = (netns: Netns, family: Family, hook: HookName): Station[] =>
  netns.netfilter.iptables
    .filter((table) => table.family === family)
    .sort((a, b) => Number(a.backend === 'nft') - Number(b.backend === 'nft'))
    .flatMap((table) => {
      const chain = chainNamed(table, hook.toUpperCase());
      const run = (pass: Pass): Verdict => (chain ? runBaseChain(table, chain, pass) : proceed);
      return chain ? [{ priority: priorityOf(table.table, hook), nat: table.table === 'nat', run: routed(table.table, hook, run) }] : [];
    });

/** Only what mangle OUTPUT, or an nft chain of type route, changes is routed again (ip_tables.c ipt_mangle_out, nft_chain_route.c). */
const routed =
  (table: string, hook: HookName, run: (pass: Pass) => Verdict) =>
  (pass: Pass): Verdict => {
    if (table !== 'mangle' || hook !== 'output') return run(pass);
    const { mark, packet } = pass.flight;
    const verdict = run(pass);
    const { flight } = pass;
    if (mark !== flight.mark || packet.tos !== flight.packet.tos || packet.destination !== flight.packet.destination) pass.reroute = { ...flight };
    return verdict;
  };

const familiesOf: Record<Layer, string[]> = { 4: ['ip', 'inet'], 6: ['ip6', 'inet'], bridge: ['bridge'] };

const nftChains = (netns: Netns, layer: Layer, hook: HookName): Station[] =>
  netns.netfilter.nft
    .filter((table) => familiesOf[layer].includes(table.family))
    .flatMap((table, at, tables) =>
      table.chains
        .filter((chain) => chain.hook === hook && !isDormant(table.flags))
        .map((chain) => ({
          priority: amongBuiltin(netns, layer, chain, tables.slice(0, at)),
          nat: chain.type === 'nat',
          run: routed(chain.type === 'route' ? 'mangle' : '', hook, (pass) => runNftBaseChain(table, chain, pass)),
        })),
    );

/**
 * Beside tracking or translation itself, at the very same priority, a chain comes first if it is younger, and they are as old as the first
 * rule that needed them (nf_ct_netns_get, nf_nat_register_fn). Tables are listed as they were made, iptables' taken for the oldest.
 */
const amongBuiltin = (netns: Netns, layer: Layer, { type, priority = 0 }: NftChain, older: NftTable[]): number => {
  if (layer === 'bridge' || type === 'nat') return priority;
  const needs = priority === CONNTRACK ? tracking : priority === DESTINATION_NAT || priority === SOURCE_NAT ? translating : undefined;
  if (!needs) return priority;
  const texts = netns.netfilter.iptables.filter(({ family }) => family === layer).flatMap(({ chains }) => chains.flatMap(({ rules }) => rules));
  const isYounger = texts.some(({ text }) => needs.iptables.test(text)) || older.some((table) => needs.nft.test(JSON.stringify(table.chains)));
  return isYounger ? priority - 0.5 : priority;
};

const tracking = {
  iptables: /-m (conntrack|state|connmark|connbytes|connlimit|helper)\b|-j (CT|CONNMARK|MASQUERADE|SNAT|DNAT|REDIRECT|NETMAP)\b/,
  nft: /"(ct|masquerade|snat|dnat|redirect)":|"type":"nat"/,
};

/** Does a rule here need connections to be tracked? Then fragments are put together first (nf_defrag_ipv4, nf_defrag_ipv6). */
export const tracksConnections = ({ netfilter }: Netns, family: Family): boolean =>
  netfilter.iptables.some(
    (table) => table.family === family && table.chains.some(({ rules }) => rules.some(({ text }) => tracking.iptables.test(text))),
  ) || netfilter.nft.some((table) => familiesOf[family].includes(table.family) && tracking.nft.test(JSON.stringify(table.chains)));

const translating = { iptables: /-j (MASQUERADE|SNAT|DNAT|REDIRECT|NETMAP)\b/, nft: /"type":"nat"/ };

const isDormant = (flags: string[] | undefined): boolean => flags?.includes('dormant') === true;

/** Chains on a device itself, before the IP stack or behind it: netdev tables, and inet's ingress (nf_hook_ingress, nf_hook_egress). */
const deviceStations = (netns: Netns, device: string, hook: HookName): Station[] => {
  const chains = netns.netfilter.nft
    .filter(({ family }) => family === 'netdev' || family === 'inet')
    .flatMap((table) =>
      table.chains
        .filter((chain) => chain.hook === hook && isOn(chain, device) && !isDormant(table.flags))
        .map((chain) => ({
          priority: chain.priority ?? 0,
          nat: false,
          run: (pass: Pass) => (chain.device !== undefined || isAssumedOn(table, chain, pass) ? runNftBaseChain(table, chain, pass) : proceed),
        })),
    );
  return inOrder(chains);
};

/** A name, a list, or in newer kernels names that begin so. */
const isOn = ({ device: names }: NftChain, device: string): boolean =>
  names === undefined || names.split(',').some((name) => (name.endsWith('*') ? device.startsWith(name.slice(0, -1)) : name === device));

/** Where the tools did not say which devices a chain is on. */
const isAssumedOn = ({ family, name }: NftTable, chain: NftChain, { journey, place }: Pass): boolean =>
  assume(journey, `${placeKey(place)} ${family} ${name} ${chain.name} devices`, {
    kind: 'unknown',
    what: `which devices chain ${chain.name} of nft table ${family} ${name} is on was not read`,
    ways: [{ label: 'not on this one' }, { label: 'on this one' }],
  }) === 1;

export type HookResult =
  | { kind: 'accept'; by?: RuleRef }
  | { kind: 'drop' | 'reject'; by: RuleRef }
  /** Nobody reads the queue it is for. */
  | { kind: 'unqueued'; queue: string; mute: boolean; by: RuleRef }
  | { kind: 'redirect'; device: string; by: RuleRef }
  /** No interface has an address to translate to. */
  | { kind: 'untranslatable'; by: RuleRef };

/** All chains of one hook in order: an accept goes on to the next chain, a drop is final. */
const runStations = (pass: Pass, all: Station[]): HookResult => {
  let accepted: RuleRef | undefined;
  for (const station of all) {
    const verdict = station.run(pass);
    if (verdict.kind === 'accept' || verdict.kind === 'requeued') accepted = verdict.by ?? accepted;
    if (verdict.kind === 'untranslatable' || verdict.kind === 'redirect') return verdict;
    if (verdict.kind !== 'drop' && verdict.kind !== 'reject' && verdict.kind !== 'unqueued') continue;
    decided(pass.journey, sideOf(pass), { by: 'rule', object: objectOf(verdict.by) });
    return verdict;
  }
  if (accepted) decided(pass.journey, sideOf(pass), { by: 'rule', object: objectOf(accepted) });
  return { kind: 'accept', ...(accepted ? { by: accepted } : {}) };
};

/** `filter FORWARD #3: -A FORWARD …` */
export const objectOf = ({ table, chain, number, text, backend }: RuleRef): string =>
  `${table} ${chain}${number === undefined ? '' : backend === 'nft' ? ` handle ${number}` : ` #${number}`}: ${text}`;

/** Rules asked on the way out belong to the interface the packet has not reached yet. */
export const sideOf = ({ hook }: Pass): 'here' | 'next' => (hook === 'output' || hook === 'postrouting' || hook === 'egress' ? 'next' : 'here');

/** Runs one hook of the packet's family. */
export const runHook = (pass: Pass, hook: HookName): HookResult => {
  if (pass.flight.solicits === 'arp') return { kind: 'accept' };
  pass.hook = hook;
  pass.bridge = undefined;
  const result = runStations(pass, stations(pass.place.netns, isV6(pass.flight.packet) ? 6 : 4, hook));
  // what goes the other way, as an error about it does, confirms nothing (nf_conntrack_core.c __nf_conntrack_confirm)
  if (result.kind === 'accept' && (hook === 'input' || hook === 'postrouting') && pass.tracking.found && !pass.flight.about)
    pass.tracking.found.connection.confirmed = true;
  return result;
};

/** Which chains of a bridge's hook: those before br_netfilter asks the IP family's hook there, those after it (NF_BR_PRI_BRNF), or all. */
export type BridgePart = 'before' | 'after' | 'all';

const isIn: Record<BridgePart, (station: Station) => boolean> = {
  before: ({ priority }) => priority <= 0,
  after: ({ priority }) => priority > 0,
  all: () => true,
};

/** Runs one hook of the bridge family, which ARP passes as well. */
export const runBridgeHook = (pass: Pass, hook: HookName, bridge: string, part: BridgePart = 'all'): HookResult => {
  const all = stations(pass.place.netns, 'bridge', hook).filter(isIn[part]);
  if (all.length === 0) return { kind: 'accept' };
  pass.hook = hook;
  pass.bridge = bridge;
  const result = runStations(pass, all);
  pass.bridge = undefined;
  return result;
};

/** Runs the chains on one device. */
export const runDeviceHook = (pass: Pass, hook: 'ingress' | 'egress', device: string): HookResult => {
  const all = deviceStations(pass.place.netns, device, hook);
  if (all.length === 0) return { kind: 'accept' };
  const { iif, oif } = pass;
  pass.hook = hook;
  if (hook === 'ingress') pass.iif = device;
  else pass.oif = device;
  const result = runStations(pass, all);
  pass.iif = iif;
  pass.oif = oif;
  return result;
};
