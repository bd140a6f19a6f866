import type { IptablesChain, IptablesRule, IptablesTable } from '../../node/snapshot.ts';
import { parseAddress } from '../address.ts';
import type { RuleRef } from '../hop.ts';
import { and, not, or, parseMark, xor } from '../mark.ts';
import { every, type Known, proceed, type RuleContext, type Verdict } from './context.ts';
import { type CompiledMatch, compileWords } from './iptables-match.ts';

/** Jumps nest no deeper than the kernel's own limit on chains would make sense of (net/netfilter/x_tables.c jumpstack). */
const maxDepth = 64;

const compiledRules = new WeakMap<IptablesRule, CompiledMatch>();
const chainIndex = new WeakMap<IptablesTable, Map<string, IptablesChain>>();

const compiled = (rule: IptablesRule): CompiledMatch => {
  const known = compiledRules.get(rule) ?? compileWords(rule.words);
  compiledRules.set(rule, known);
  return known;
};

export const chainNamed = (table: IptablesTable, name: string): IptablesChain | undefined => {
  const known = chainIndex.get(table) ?? new Map(table.chains.map((chain) => [chain.name, chain]));
  chainIndex.set(table, known);
  return known.get(name);
};

const refer = (table: IptablesTable, chain: string, rule?: IptablesRule): RuleRef => ({
  backend: table.backend === 'nft' ? 'iptables-nft' : 'iptables-legacy',
  table: table.table,
  chain,
  ...(rule ? { number: rule.number } : {}),
  text: rule ? `-A ${chain} ${rule.text}` : `policy of ${chain}`,
});

/** A built-in chain with its policy. */
export const runBaseChain = (table: IptablesTable, chain: IptablesChain, context: RuleContext): Verdict => {
  const verdict = runChain(table, chain, context, 0);
  if (verdict.kind !== 'continue' && verdict.kind !== 'return') return verdict;
  return chain.policy === 'DROP' ? { kind: 'drop', by: refer(table, chain.name) } : proceed;
};

const runChain = (table: IptablesTable, chain: IptablesChain, context: RuleContext, depth: number): Verdict => {
  for (const rule of chain.rules) {
    const verdict = runRule(table, chain, rule, context, depth);
    if (verdict.kind === 'return') return proceed;
    if (verdict.kind !== 'continue') return verdict;
  }
  return proceed;
};

const runRule = (table: IptablesTable, chain: IptablesChain, rule: IptablesRule, context: RuleContext, depth: number): Verdict => {
  const match = compiled(rule);
  if (match.target === undefined) return proceed;
  const answer = judge(table, match, context, depth);
  if (answer === undefined) noteUnsure(table, chain, rule, match, context);
  if (answer !== true) return proceed;
  const target = targets[match.target];
  if (target) return target({ options: match.targetOptions, context, by: refer(table, chain.name, rule) });
  const next = chainNamed(table, match.target);
  if (!next || depth >= maxDepth) {
    noteUnsure(table, chain, rule, match, context);
    return proceed;
  }
  const verdict = runChain(table, next, context, depth + 1);
  // A goto does not come back: falling off the far chain returns to whoever called this one.
  return match.goes && verdict.kind === 'continue' ? { kind: 'return' } : verdict;
};

const judge = (table: IptablesTable, match: CompiledMatch, context: RuleContext, depth: number): Known => {
  if (match.choice && table.table === 'nat') return choose(table, match, context, depth);
  return every(lazily(match.matchers, context));
};

/** Asks one matcher after the other, so that a certain no spares the rest. */
function* lazily(matchers: CompiledMatch['matchers'], context: RuleContext): Generator<Known> {
  for (const matcher of matchers) yield matcher(context);
}

/** kube-proxy's `-m statistic` and `-m recent`: take the endpoint asked for, else the first. */
const choose = (table: IptablesTable, match: CompiledMatch, context: RuleContext, depth: number): Known => {
  const known = match.matchers.map((matcher) => matcher(context));
  if (known.includes(false)) return false;
  const chain = match.target === undefined ? undefined : chainNamed(table, match.target);
  if (!chain || depth > maxDepth) return undefined;
  context.choices.push(chain.name);
  return context.endpoint === undefined ? true : leadsTo(table, chain, context.endpoint, depth + 1);
};

const leadsTo = (table: IptablesTable, chain: IptablesChain, endpoint: string, depth: number): boolean =>
  chain.rules.some((rule) => {
    const { target, targetOptions } = compiled(rule);
    if (target === 'DNAT') return splitHostPort(optionValue(targetOptions, '--to-destination') ?? '').address === endpoint;
    const next = target === undefined || depth > maxDepth ? undefined : chainNamed(table, target);
    return next !== undefined && leadsTo(table, next, endpoint, depth + 1);
  });

const noteUnsure = (table: IptablesTable, chain: IptablesChain, rule: IptablesRule, match: CompiledMatch, context: RuleContext): void => {
  const target = match.target ?? '';
  if (harmless.has(target)) return;
  context.unsure.push(`not judged: ${table.table} ${chain.name} #${rule.number} ${rule.text}`);
  if (target !== 'DROP' && target !== 'REJECT') context.shaky = true;
};

/** Targets that let the packet go on as it is. */
const harmless = new Set('LOG NFLOG TRACE AUDIT TCPMSS TOS DSCP SET CHECKSUM CLASSIFY TTL HL IDLETIMER RATEEST LED'.split(' '));

interface TargetInput {
  options: string[];
  context: RuleContext;
  by: RuleRef;
}

const optionValue = (options: string[], ...names: string[]): string | undefined => {
  const at = options.findIndex((word) => names.includes(word));
  return at === -1 ? undefined : options[at + 1];
};

/** `10.0.0.1:80`, `10.0.0.1`, `[fd00::1]:80`, `:80`; of a range the first. */
const splitHostPort = (text: string): { address?: string; port?: number } => {
  const [, v6, v6Port] = /^\[([^\]]+)\](?::(\d+))?/.exec(text) ?? [];
  if (v6 !== undefined) return { address: v6, ...(v6Port === undefined ? {} : { port: Number(v6Port) }) };
  const bare = text.split('-')[0] ?? '';
  if (parseAddress(bare)?.family === 6) return { address: bare };
  const [address = '', port] = text.split(':');
  const first = address.split('-')[0] ?? '';
  return { ...(first === '' ? {} : { address: first }), ...(port === undefined ? {} : { port: Number(port.split('-')[0]) }) };
};

const setMark = (context: RuleContext, options: string[]): void => {
  const [operator = '', text = ''] = options;
  const { value, mask } = parseMark(text);
  const compute: Record<string, () => number> = {
    // xt_mark: clear the mask's bits, then XOR the value in; --set-mark clears value's bits as well.
    '--set-xmark': () => xor(and(context.mark, not(mask)), value),
    '--set-mark': () => xor(and(context.mark, not(or(mask, value))), value),
    '--or-mark': () => or(context.mark, value),
    '--and-mark': () => and(context.mark, value),
    '--xor-mark': () => xor(context.mark, value),
  };
  context.mark = compute[operator]?.() ?? context.mark;
};

const skip = (): Verdict => proceed;

const unjudged = ({ context, by }: TargetInput): Verdict => {
  context.unsure.push(`not judged: ${by.text}`);
  context.shaky = true;
  return proceed;
};

const untrack = ({ context }: TargetInput): Verdict => {
  context.state = 'UNTRACKED';
  return proceed;
};

/** What each target does to the packet (iptables-extensions(8)). */
const targets: Record<string, (input: TargetInput) => Verdict> = {
  ACCEPT: ({ by }) => ({ kind: 'accept', by }),
  DROP: ({ by }) => ({ kind: 'drop', by }),
  REJECT: ({ by }) => ({ kind: 'reject', by }),
  RETURN: () => ({ kind: 'return' }),
  MARK: ({ options, context }) => {
    setMark(context, options);
    return proceed;
  },
  DNAT: ({ options, by }) => ({ kind: 'dnat', ...splitHostPort(optionValue(options, '--to-destination') ?? ''), by }),
  REDIRECT: ({ options, by, context }) => redirect(options, by, context),
  SNAT: ({ options, by }) => ({ kind: 'snat', address: splitHostPort(optionValue(options, '--to-source') ?? '').address ?? 'masquerade', by }),
  MASQUERADE: ({ by }) => ({ kind: 'snat', address: 'masquerade', by }),
  NOTRACK: untrack,
  CT: (input) => (input.options.includes('--notrack') ? untrack(input) : proceed),
  CONNMARK: (input) => (input.options.includes('--restore-mark') ? unjudged(input) : proceed),
  NFQUEUE: unjudged,
  TPROXY: unjudged,
  NETMAP: unjudged,
  SYNPROXY: unjudged,
  ...Object.fromEntries([...harmless].map((name) => [name, skip])),
};

/** To this host itself: the address of the interface it came in by. */
const redirect = (options: string[], by: RuleRef, context: RuleContext): Verdict => {
  const port = optionValue(options, '--to-ports');
  const family = parseAddress(context.packet.destination)?.family ?? 4;
  const device = context.netns.links.find((link) => link.name === (context.iif ?? 'lo'));
  const address = device?.addresses.find((own) => own.family === family)?.address;
  return { kind: 'dnat', ...(address === undefined ? {} : { address }), ...(port === undefined ? {} : { port: Number(port.split('-')[0]) }), by };
};
