import type { IptablesChain, IptablesTable } from '../../../node/netfilter-state.ts';
import { assume, tires } from '../../flight.ts';
import { choose } from '../../fork.ts';
import { named } from '../../named.ts';
import type { Pass } from '../../pass.ts';
import { placeKey } from '../../world.ts';
import { proceed, type Verdict } from '../context.ts';
import { type CompiledRule, chainNamed, compiledChain, refer } from './compile.ts';
import { harmless, readTarget, targets } from './targets.ts';
import { optionValue } from './words.ts';

/** A built-in chain with its policy. */
export const runBaseChain = (table: IptablesTable, chain: IptablesChain, pass: Pass): Verdict => {
  const verdict = runChain(table, chain, pass, []);
  if (verdict.kind !== 'continue' && verdict.kind !== 'return') return verdict;
  return chain.policy === 'DROP' ? { kind: 'drop', by: refer(table, chain.name) } : proceed;
};

/** `callers`: the kernel refuses loops when a ruleset is loaded (x_tables.c mark_source_chains); a snapshot that has one must not hang us. */
const runChain = (table: IptablesTable, chain: IptablesChain, pass: Pass, callers: readonly IptablesChain[]): Verdict => {
  if (callers.includes(chain)) return proceed;
  const { rules, positions } = compiledChain(chain);
  const path = [...callers, chain];
  const candidates = positions?.(pass.flight.packet.destination);
  const count = candidates?.length ?? rules.length;
  for (let at = 0; at < count; at += 1) {
    const rule = rules[candidates ? (candidates[at] ?? 0) : at];
    if (!rule || rule.target === undefined || harmless.has(rule.target)) continue;
    if (tires(pass.journey)) return proceed;
    const verdict = runRule(table, chain, rule, pass, path);
    if (verdict.kind === 'return') return proceed;
    if (verdict.kind !== 'continue') return verdict;
  }
  return proceed;
};

const runRule = (table: IptablesTable, chain: IptablesChain, compiled: CompiledRule, pass: Pass, path: readonly IptablesChain[]): Verdict => {
  if (!matches(table, chain, compiled, pass)) return proceed;
  const name = compiled.target ?? '';
  const target = named(targets, name);
  if (target) return target({ options: compiled.options, pass, by: refer(table, chain.name, compiled.rule) });
  const next = chainNamed(table, name);
  if (!next) return unknownTarget(table, chain, compiled, pass);
  const verdict = runChain(table, next, pass, path);
  // A goto does not come back: falling off the far chain returns to whoever called this one.
  return compiled.goes && verdict.kind === 'continue' ? { kind: 'return' } : verdict;
};

/** Asks one match after the other; a certain no spares the rest. */
const matches = (table: IptablesTable, chain: IptablesChain, compiled: CompiledRule, pass: Pass): boolean => {
  let known = true;
  for (const matcher of compiled.matchers) {
    const answer = matcher(pass);
    if (answer === false) return false;
    if (answer === undefined) known = false;
  }
  if (!known && !assumed(table, chain, compiled, pass)) return false;
  return compiled.chance >= 1 || rolls(table, chain, compiled, pass);
};

const assumed = (table: IptablesTable, chain: IptablesChain, { rule }: CompiledRule, pass: Pass): boolean => {
  const by = refer(table, chain.name, rule);
  const key = `${placeKey(pass.place)} ${table.family} ${table.backend} ${table.table} ${chain.name} ${rule.number}`;
  const what = `not judged: ${table.table} ${chain.name} #${rule.number} ${rule.text}`;
  return assume(pass.journey, key, { kind: 'unknown', what, by, ways: [{ label: 'does not match' }, { label: 'matches' }] }) === 1;
};

const rolls = (table: IptablesTable, chain: IptablesChain, { rule, chance, target = '' }: CompiledRule, pass: Pass): boolean => {
  const next = chainNamed(table, target);
  const endpoints = next ? endpointsOf(table, next, new Set()) : [];
  const reaches = endpoints.length === 0 ? {} : { reaches: (endpoint: string) => endpoints.includes(endpoint) };
  const by = refer(table, chain.name, rule);
  const what = `${table.table} ${chain.name} #${rule.number} matches ${percent(chance)} at random`;
  const per = table.table === 'nat' ? 'connection' : 'packet';
  const ways = [
    { label: `${chain.name} #${rule.number}: ${target}`, share: chance, ...reaches },
    { label: `${chain.name} #${rule.number} not`, share: 1 - chance },
  ];
  return choose(pass.journey, { kind: 'chance', per, what, by, ways }) === 0;
};

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;

/** Addresses that the DNAT rules of a chain, or of those it leads to, write. */
const endpointsOf = (table: IptablesTable, chain: IptablesChain, seen: Set<IptablesChain>): string[] => {
  if (seen.has(chain)) return [];
  seen.add(chain);
  return compiledChain(chain).rules.flatMap(({ target = '', options }) => {
    if (target === 'DNAT') return readTarget(optionValue(options, '--to-destination') ?? '').first ?? [];
    const next = chainNamed(table, target);
    return next ? endpointsOf(table, next, seen) : [];
  });
};

/** A target that is no chain of this table and none we know: whatever it does, it may end the packet or let it go on. */
const unknownTarget = (table: IptablesTable, chain: IptablesChain, { rule }: CompiledRule, pass: Pass): Verdict => {
  const by = refer(table, chain.name, rule);
  const key = `${placeKey(pass.place)} ${table.family} ${table.backend} ${table.table} ${chain.name} ${rule.number} target`;
  const what = `not judged: ${table.table} ${chain.name} #${rule.number} ${rule.text}`;
  const way = assume(pass.journey, key, { kind: 'unknown', what, by, ways: [{ label: 'lets it go on' }, { label: 'drops it' }] });
  return way === 0 ? proceed : { kind: 'drop', by };
};
