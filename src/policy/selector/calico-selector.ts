import { type Token, tokensOf } from './calico-tokens.ts';
import { EVERYTHING, type Labels, labelOf, type Selector } from './selector.ts';

/** A part of the expression: what it says of labels, and why it does not hold. */
interface Node {
  keys: string[];
  holds: (labels: Labels) => boolean;
  miss: (labels: Labels) => string;
}

type Test = (value: string | undefined) => boolean;

/** Tests of a label that is absent: only the negative ones hold (libcalico-go/lib/selector/parser/ast.go). */
const test = (key: string, wanted: string, meets: Test): Node => ({
  keys: [key],
  holds: (labels) => meets(labelOf(labels, key)),
  miss: (labels) => {
    const value = labelOf(labels, key);
    return meets(value) ? '' : `${value === undefined ? `no label ${key}` : `label ${key}=${value}`}, wanted ${wanted}`;
  },
});

const all: Node = { keys: [], holds: () => true, miss: () => '' };

const not = (node: Node): Node => ({
  keys: node.keys,
  holds: (labels) => !node.holds(labels),
  miss: (labels) => (node.holds(labels) ? `what must not hold of ${node.keys.join(', ') || 'everything'} holds` : ''),
});

const and = (nodes: Node[]): Node => ({
  keys: nodes.flatMap(({ keys }) => keys),
  holds: (labels) => nodes.every((node) => node.holds(labels)),
  miss: (labels) => nodes.find((node) => !node.holds(labels))?.miss(labels) ?? '',
});

const or = (nodes: Node[]): Node => ({
  keys: nodes.flatMap(({ keys }) => keys),
  holds: (labels) => nodes.some((node) => node.holds(labels)),
  miss: (labels) => (nodes.some((node) => node.holds(labels)) ? '' : nodes.map((node) => node.miss(labels)).join(', and ')),
});

/** What `all()` and `global()` say where they mean more than "everything" (namespace selectors). */
export type Calls = Partial<Record<'all' | 'global', Node>>;

/** The tokens that are left, taken from the front. */
interface Rest {
  tokens: Token[];
  calls: Calls;
}

const next = ({ tokens }: Rest): Token['is'] => tokens[0]?.is ?? 'end';

const take = (rest: Rest, is: Token['is'], what: string): string => {
  const [token] = rest.tokens;
  if (token?.is !== is) throw new Error(`${what} is expected`);
  rest.tokens.shift();
  return token.value;
};

/** The grammar takes a comma before the brace, too. */
const takeSet = (rest: Rest): string[] => {
  take(rest, '{', '{');
  const values: string[] = [];
  while (next(rest) === 'text') {
    values.push(take(rest, 'text', 'a quoted text'));
    if (next(rest) !== ',') break;
    take(rest, ',', ',');
  }
  take(rest, '}', '}');
  return values;
};

const COMPARE: Partial<Record<Token['is'], (key: string, value: string) => Node>> = {
  '==': (key, value) => test(key, value, (own) => own === value),
  '!=': (key, value) => test(key, `anything but ${value}`, (own) => own !== value),
  contains: (key, value) => test(key, `something with ${value} in it`, (own) => own?.includes(value) ?? false),
  'starts with': (key, value) => test(key, `something that starts with ${value}`, (own) => own?.startsWith(value) ?? false),
  'ends with': (key, value) => test(key, `something that ends with ${value}`, (own) => own?.endsWith(value) ?? false),
};

const takeComparison = (rest: Rest, key: string): Node => {
  const operator = next(rest);
  rest.tokens.shift();
  if (operator === 'in' || operator === 'not in') {
    const values = takeSet(rest);
    const list = values.join(' or ');
    return operator === 'in'
      ? test(key, list || 'what is in an empty set', (own) => own !== undefined && values.includes(own))
      : test(key, `anything but ${list}`, (own) => own === undefined || !values.includes(own));
  }
  const compare = COMPARE[operator];
  if (!compare) throw new Error(`== or another operator is expected after label "${key}"`);
  return compare(key, take(rest, 'text', 'a quoted text'));
};

const takeTerm = (rest: Rest): Node => {
  let negated = false;
  while (next(rest) === '!') {
    rest.tokens.shift();
    negated = !negated;
  }
  const node = takePositive(rest);
  return negated ? not(node) : node;
};

const takePositive = (rest: Rest): Node => {
  const [token] = rest.tokens;
  if (token?.is === 'has') {
    rest.tokens.shift();
    return test(token.value, 'any value', (own) => own !== undefined);
  }
  if (token?.is === 'all' || token?.is === 'global') {
    rest.tokens.shift();
    return rest.calls[token.is] ?? all;
  }
  if (token?.is === 'label') {
    rest.tokens.shift();
    return takeComparison(rest, token.value);
  }
  take(rest, '(', 'a label, has(), all() or (');
  const inner = takeOr(rest);
  take(rest, ')', ')');
  return inner;
};

const takeList = (rest: Rest, sign: '&&' | '||', part: (rest: Rest) => Node, join: (nodes: Node[]) => Node): Node => {
  const nodes = [part(rest)];
  while (next(rest) === sign) {
    rest.tokens.shift();
    nodes.push(part(rest));
  }
  return nodes.length === 1 ? (nodes[0] as Node) : join(nodes);
};

const takeOr = (rest: Rest): Node => takeList(rest, '||', (inner) => takeList(inner, '&&', takeTerm, and), or);

/** The label by which namespaces and service accounts have their names among their labels. */
export const NAME = 'projectcalico.org/name';

/** In a namespace selector `all()` means whatever is in a namespace, `global()` what is in none (syncersv1/updateprocessors/rules.go). */
export const inNamespaces: Calls = {
  all: test(NAME, 'something in a namespace', (own) => own !== undefined),
  global: test(NAME, 'something in no namespace', (own) => own === undefined),
};

/**
 * Calico's selector expressions: `app == "web" && !has(legacy)`. An empty one selects everything.
 * @throws Error that says what is wrong with it
 */
export const parseCalicoSelector = (text: string, calls: Calls = {}): Selector => {
  const rest = { tokens: tokensOf(text), calls };
  if (next(rest) === 'end') return EVERYTHING;
  const node = takeOr(rest);
  if (next(rest) !== 'end') throw new Error('something follows the end of the expression');
  return { text: text.trim(), keys: [...new Set(node.keys)], matches: node.holds, miss: node.miss };
};
