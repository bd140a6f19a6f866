/** One word of a Calico selector (libcalico-go/lib/selector/tokenizer). */
export interface Token {
  is: 'label' | 'text' | 'has' | 'all' | 'global' | '(' | ')' | '{' | '}' | ',' | '==' | '!=' | '!' | '&&' | '||' | Operator | 'end';
  value: string;
}

export type Operator = 'in' | 'not in' | 'contains' | 'starts with' | 'ends with';

const SIGNS = ['==', '!=', '&&', '||', '(', ')', '{', '}', ',', '!'] as const;

/** After a label comes an operator, so that labels may be called like one. "not in" may be written without its space. */
const OPERATORS: [RegExp, Operator][] = [
  [/^contains(?![\w./-])/, 'contains'],
  [/^starts[ \t]*with(?![\w./-])/, 'starts with'],
  [/^ends[ \t]*with(?![\w./-])/, 'ends with'],
  [/^not[ \t]*in(?![\w./-])/, 'not in'],
  [/^in(?![\w./-])/, 'in'],
];

const CALLS: [RegExp, 'has' | 'all' | 'global'][] = [
  [/^has\([ \t]*([\w./-]+)[ \t]*\)/, 'has'],
  [/^all\([ \t]*\)/, 'all'],
  [/^global\([ \t]*\)/, 'global'],
];

/** What a label may be long (tokenizer.MaxLabelLength). */
const LONGEST_LABEL = 512;

const checkLabel = (label: string): string => {
  if (label.length > LONGEST_LABEL) throw new Error(`a label of more than ${LONGEST_LABEL} characters is not allowed`);
  return label;
};

interface Taken {
  token: Token;
  length: number;
}

const takeWord = (rest: string, before: Token | undefined): Taken => {
  if (before?.is === 'label') {
    for (const [pattern, operator] of OPERATORS) {
      const found = pattern.exec(rest);
      if (found) return { token: { is: operator, value: '' }, length: found[0].length };
    }
    throw new Error(`an operator is expected after label "${before.value}"`);
  }
  for (const [pattern, call] of CALLS) {
    const found = pattern.exec(rest);
    if (found) return { token: { is: call, value: checkLabel(found[1] ?? '') }, length: found[0].length };
  }
  const [label] = /^[\w./-]+/.exec(rest) ?? [];
  if (label === undefined) throw new Error(`"${rest[0]}" is not expected`);
  return { token: { is: 'label', value: checkLabel(label) }, length: label.length };
};

const take = (rest: string, before: Token | undefined): Taken => {
  const quote = rest[0];
  if (quote === '"' || quote === "'") {
    const end = rest.indexOf(quote, 1);
    if (end < 0) throw new Error('a quotation is not ended');
    return { token: { is: 'text', value: rest.slice(1, end) }, length: end + 1 };
  }
  const sign = SIGNS.find((candidate) => rest.startsWith(candidate));
  return sign === undefined ? takeWord(rest, before) : { token: { is: sign, value: '' }, length: sign.length };
};

/** @throws Error that says what is wrong with it */
export const tokensOf = (text: string): Token[] => {
  const tokens: Token[] = [];
  for (let rest = text.replace(/^[ \t]+/, ''); rest !== ''; ) {
    const { token, length } = take(rest, tokens.at(-1));
    tokens.push(token);
    rest = rest.slice(length).replace(/^[ \t]+/, '');
  }
  return [...tokens, { is: 'end', value: '' }];
};
