import type { NftChain, NftTable } from '../../node/snapshot.ts';
import type { RuleRef } from '../hop.ts';
import { type Known, proceed, type RuleContext, type Verdict } from './context.ts';
import { ruleText } from './nft-text.ts';
import { absent, evaluate, isIn, isObject, type Json, nameAndBody, setNamed, unwrap, type Value } from './nft-value.ts';

/** NFT_JUMP_STACK_SIZE is 16 (include/net/netfilter/nf_tables.h). */
const maxDepth = 16;

type NftRule = NftChain['rules'][number];

interface At {
  table: NftTable;
  chain: NftChain;
  rule: NftRule;
  context: RuleContext;
  depth: number;
}

export const runNftBaseChain = (table: NftTable, chain: NftChain, context: RuleContext): Verdict => {
  const verdict = runChain(table, chain, context, 0);
  if (verdict.kind !== 'continue' && verdict.kind !== 'return') return verdict;
  if (chain.policy !== 'drop') return proceed;
  return { kind: 'drop', by: { backend: 'nft', table: tableName(table), chain: chain.name, text: `policy of ${chain.name}` } };
};

const tableName = (table: NftTable): string => `${table.family} ${table.name}`;

const refer = ({ table, chain, rule }: At): RuleRef => ({
  backend: 'nft',
  table: tableName(table),
  chain: chain.name,
  number: rule.handle,
  text: ruleText(rule.expr),
});

const runChain = (table: NftTable, chain: NftChain, context: RuleContext, depth: number): Verdict => {
  for (const rule of chain.rules) {
    const verdict = runRule({ table, chain, rule, context, depth });
    if (verdict.kind === 'return') return proceed;
    if (verdict.kind !== 'continue') return verdict;
  }
  return proceed;
};

/** Statements in order; the first match that fails ends the rule, the first verdict ends the chain. */
const runRule = (at: At): Verdict => {
  for (const statement of at.rule.expr) {
    const [name, body] = nameAndBody(statement);
    const verdict = statements[name]?.(body, at) ?? cannotSay(at);
    if (verdict === 'no') return proceed;
    if (verdict !== 'next') return verdict;
  }
  return proceed;
};

type Next = Verdict | 'next' | 'no';

const cannotSay = (at: At): 'no' => {
  const last = nameAndBody(at.rule.expr.at(-1))[0];
  if (passive.has(last)) return 'no';
  at.context.unsure.push(`not judged: ${tableName(at.table)} ${at.chain.name} handle ${at.rule.handle} ${ruleText(at.rule.expr)}`);
  if (last !== 'drop' && last !== 'reject') at.context.shaky = true;
  return 'no';
};

const passive = new Set(['counter', 'log', 'last', 'set']);

const next = (): Next => 'next';

const chainIndex = new WeakMap<NftTable, Map<string, NftChain>>();

/** kube-proxy makes a chain per Service and endpoint, so they are looked up by an index. */
const chainNamed = (table: NftTable, name: string): NftChain | undefined => {
  const known = chainIndex.get(table) ?? new Map(table.chains.map((chain) => [chain.name, chain]));
  chainIndex.set(table, known);
  return known.get(name);
};

const jump = (body: unknown, at: At, goes: boolean): Next => {
  const name = isObject(body) ? String(body.target) : '';
  const chain = chainNamed(at.table, name);
  if (!chain || at.depth >= maxDepth) return cannotSay(at);
  const verdict = runChain(at.table, chain, at.context, at.depth + 1);
  if (verdict.kind !== 'continue') return verdict;
  return goes ? { kind: 'return' } : 'next';
};

const statements: Record<string, (body: unknown, at: At) => Next> = {
  match: (body, at) => {
    const answer = isObject(body) ? matches(body, at) : undefined;
    if (answer === undefined) return cannotSay(at);
    return answer ? 'next' : 'no';
  },
  counter: next,
  log: next,
  last: next,
  set: next,
  'ct helper': next,
  accept: (_body, at) => ({ kind: 'accept', by: refer(at) }),
  drop: (_body, at) => ({ kind: 'drop', by: refer(at) }),
  reject: (_body, at) => ({ kind: 'reject', by: refer(at) }),
  return: () => ({ kind: 'return' }),
  continue: next,
  jump: (body, at) => jump(body, at, false),
  goto: (body, at) => jump(body, at, true),
  vmap: (body, at) => (isObject(body) ? verdictMap(body, at) : cannotSay(at)),
  notrack: (_body, { context }) => {
    context.state = 'UNTRACKED';
    return 'next';
  },
  mangle: (body, at) => (isObject(body) ? mangle(body, at) : cannotSay(at)),
  masquerade: (_body, at) => ({ kind: 'snat', address: 'masquerade', by: refer(at) }),
  snat: (body, at) => translate(body, at, (address) => ({ kind: 'snat', address: address ?? 'masquerade', by: refer(at) })),
  dnat: (body, at) =>
    translate(body, at, (address, port) => ({
      kind: 'dnat',
      ...(address === undefined ? {} : { address }),
      ...(port === undefined ? {} : { port }),
      by: refer(at),
    })),
};

const translate = (body: unknown, at: At, make: (address: string | undefined, port: number | undefined) => Verdict): Next => {
  if (!isObject(body)) return cannotSay(at);
  const target = isObject(body.addr) && isObject(body.addr.map) ? mapped(body.addr.map, at) : evaluate(body.addr, at.context);
  // `dnat to ADDRESS . PORT` comes as one concatenation, as kube-proxy's endpoint maps have it.
  const [address, port] = Array.isArray(target) ? target : [target, evaluate(body.port, at.context)];
  if (body.addr !== undefined && typeof address !== 'string') return cannotSay(at);
  return make(typeof address === 'string' ? address : undefined, port === undefined ? undefined : Number(port));
};

/** `key map { key : value }` as a value. */
const mapped = ({ key, data }: Json, at: At): Value => {
  const pairs = pairsOf(data, at.table);
  if (!pairs) return undefined;
  const found = isRandom(key) ? chooseAtRandom(pairs, at) : lookUp(pairs, key, at);
  return found === 'no' ? absent : evaluate(unwrap(found), at.context);
};

const mangle = ({ key, value }: Json, at: At): Next => {
  if (!isObject(key) || !isObject(key.meta) || key.meta.key !== 'mark') return 'next';
  const mark = evaluate(value, at.context);
  if (typeof mark !== 'number') return cannotSay(at);
  at.context.mark = mark;
  return 'next';
};

const matches = ({ op, left, right }: Json, { table, context }: At): Known => {
  const value = evaluate(left, context);
  if (value === absent) return false;
  const wanted = isObject(right) && ('|' in right || '&' in right) ? evaluate(right, context) : right;
  if (op === '==' || op === 'in') return isIn(value, wanted, table);
  if (op === '!=') {
    const answer = isIn(value, wanted, table);
    return answer === undefined ? undefined : !answer;
  }
  const compare = orders[String(op)];
  return compare && typeof value === 'number' && typeof wanted === 'number' ? compare(value, wanted) : undefined;
};

const orders: Record<string, (a: number, b: number) => boolean> = {
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
};

/** `key vmap @map`, or kube-proxy's `numgen random mod N vmap { 0 : goto endpoint-… }`. */
const verdictMap = ({ key, data }: Json, at: At): Next => {
  const pairs = pairsOf(data, at.table);
  if (!pairs) return cannotSay(at);
  const verdict = isRandom(key) ? chooseAtRandom(pairs, at) : lookUp(pairs, key, at);
  if (verdict === undefined) return cannotSay(at);
  if (verdict === 'no') return 'no';
  const [name, body] = nameAndBody(verdict);
  return statements[name]?.(body, at) ?? cannotSay(at);
};

const isRandom = (key: unknown): boolean => isObject(key) && 'numgen' in key;

type Pair = [key: unknown, target: unknown];

const pairsOf = (data: unknown, table: NftTable): Pair[] | undefined => {
  const elements = setNamed(table, data)?.elements ?? (isObject(data) ? data.set : undefined);
  if (!Array.isArray(elements)) return undefined;
  return elements.filter((pair): pair is Pair => Array.isArray(pair) && pair.length === 2);
};

const lookUp = (pairs: Pair[], key: unknown, { table, context }: At): unknown => {
  const value = evaluate(key, context);
  if (value === undefined) return undefined;
  if (value === absent || (Array.isArray(value) && value.includes(absent))) return 'no';
  let doubtful = false;
  for (const [wanted, verdict] of pairs) {
    const answer = isIn(value, unwrap(wanted), table);
    if (answer === true) return verdict;
    if (answer === undefined) doubtful = true;
  }
  return doubtful ? undefined : 'no';
};

/** One of kube-proxy's endpoints: the one asked for, else the first. A target is a chain to go to, or the address itself. */
const chooseAtRandom = (pairs: Pair[], { table, context }: At): unknown => {
  const { endpoint } = context;
  context.choices.push(...pairs.map(([, target]) => chainOf(target) ?? addressOf(target)));
  const asked = endpoint === undefined ? undefined : pairs.find(([, target]) => leadsTo(table, target, endpoint));
  return (asked ?? pairs[0])?.[1];
};

const chainOf = (target: unknown): string | undefined => {
  const [, body] = nameAndBody(target);
  return isObject(body) && typeof body.target === 'string' ? body.target : undefined;
};

const addressOf = (target: unknown): string => {
  const value = isObject(target) && Array.isArray(target.concat) ? target.concat[0] : target;
  return typeof value === 'string' ? value : '';
};

const leadsTo = (table: NftTable, target: unknown, endpoint: string): boolean => {
  const name = chainOf(target);
  if (name === undefined) return addressOf(target) === endpoint;
  const chain = chainNamed(table, name);
  return (
    chain?.rules.some(({ expr }) =>
      expr.some((statement) => isObject(statement) && isObject(statement.dnat) && addressOf(statement.dnat.addr) === endpoint),
    ) ?? false
  );
};
