import type { NftChain, NftTable } from '../../../node/netfilter-state.ts';
import { assume, tires } from '../../flight.ts';
import type { RuleRef } from '../../hop.ts';
import type { Pass } from '../../pass.ts';
import { leaveOpen } from '../../unread.ts';
import { placeKey } from '../../world.ts';
import { proceed, type Verdict } from '../context.ts';
import { chainNamed } from './endpoint.ts';
import { nameAndBody } from './json.ts';
import { type CompiledStatement, compileStatement, isPassive } from './statement.ts';
import { ruleText } from './text.ts';

/** NFT_JUMP_STACK_SIZE (include/net/netfilter/nf_tables.h). */
const MOST_NESTED = 16;

type NftRule = NftChain['rules'][number];

interface CompiledRule {
  rule: NftRule;
  statements: CompiledStatement[];
  /** The first statement after which nothing decides about the packet. */
  decides: number;
}

const chains = new WeakMap<NftChain, CompiledRule[]>();

const compiledRules = (table: NftTable, chain: NftChain): CompiledRule[] => {
  const known = chains.get(chain) ?? chain.rules.map((rule) => compileRule(table, rule));
  chains.set(chain, known);
  return known;
};

const compileRule = (table: NftTable, rule: NftRule): CompiledRule => ({
  rule,
  statements: rule.expr.map((statement) => compileStatement(statement, table)),
  decides: rule.expr.findLastIndex((statement) => !isPassive(nameAndBody(statement)[0])),
});

export const tableName = (table: NftTable): string => `${table.family} ${table.name}`;

export const referNft = (table: NftTable, chain: NftChain, rule?: NftRule): RuleRef => ({
  backend: 'nft',
  table: tableName(table),
  chain: chain.name,
  ...(rule ? { number: rule.handle } : {}),
  text: rule ? ruleText(rule.expr) : `policy of ${chain.name}`,
});

export const runNftBaseChain = (table: NftTable, chain: NftChain, pass: Pass): Verdict => {
  const verdict = runChain(table, chain, pass, 0);
  if (verdict.kind !== 'continue' && verdict.kind !== 'return') return verdict;
  return chain.policy === 'drop' ? { kind: 'drop', by: referNft(table, chain) } : proceed;
};

const runChain = (table: NftTable, chain: NftChain, pass: Pass, depth: number): Verdict => {
  for (const rule of compiledRules(table, chain)) {
    if (tires(pass.journey)) return proceed;
    const verdict = runRule(table, chain, rule, pass, depth);
    if (verdict.kind === 'return') return proceed;
    if (verdict.kind !== 'continue') return verdict;
  }
  return proceed;
};

/** Statements in order; the first match that fails ends the rule, the first verdict ends the chain. */
const runRule = (table: NftTable, chain: NftChain, { rule, statements, decides }: CompiledRule, pass: Pass, depth: number): Verdict => {
  for (const [at, statement] of statements.entries()) {
    if (at > decides) return proceed;
    const outcome = statement({ pass, by: () => referNft(table, chain, rule) });
    const next = outcome === 'unknown' ? (assumed(table, chain, rule, at, pass) ? 'next' : 'no') : outcome;
    if (next === 'no') return proceed;
    if (next === 'next') continue;
    if (next.kind !== 'jump') return next;
    const target = chainNamed(table, next.target);
    // no kernel has such a jump: what it leads to was read at another time
    if (!target) leaveOpen(pass.journey, pass.place, 'firewall rules');
    if (!target || depth >= MOST_NESTED) return proceed;
    const verdict = runChain(table, target, pass, depth + 1);
    if (verdict.kind !== 'continue') return verdict;
    // A goto does not come back: falling off the far chain returns to whoever called this one.
    if (next.goes) return { kind: 'return' };
  }
  return proceed;
};

const assumed = (table: NftTable, chain: NftChain, rule: NftRule, at: number, pass: Pass): boolean => {
  const by = referNft(table, chain, rule);
  const what = `not judged: ${by.table} ${chain.name} handle ${rule.handle} ${by.text}`;
  const key = `${placeKey(pass.place)} ${by.table} ${chain.name} ${rule.handle} ${at}`;
  return assume(pass.journey, key, { kind: 'unknown', what, by, ways: [{ label: 'does not match' }, { label: 'matches' }] }) === 1;
};
