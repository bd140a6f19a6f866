import { fail } from './change.ts';

const TOKEN = /"([^"]*)"|<=|>=|==|!=|<<|>>|[{}(),;]|[<>=&|^](?=\s|$)|[^\s{}(),;"=<>!&|^]+|[=<>!&|^]/g;

/** nft's words one after the other. */
export interface Cursor {
  peek: (ahead?: number) => string | undefined;
  next: () => string;
  /** Takes the word if it is this one. */
  take: (word: string) => boolean;
  done: () => boolean;
  /** @throws ChangeError that names what was expected in the place of the next word */
  expected: (what: string) => never;
}

/** Quotes only keep a name together: nobody calls an interface "accept". */
export const cursorOn = (text: string): Cursor => {
  const tokens = [...text.matchAll(TOKEN)].map(([token, quoted]) => quoted ?? token);
  let at = 0;
  const peek = (ahead = 0): string | undefined => tokens[at + ahead];
  const expected = (what: string): never =>
    fail(`nft: expected ${what} ${peek() === undefined ? 'at the end' : `at "${tokens.slice(at, at + 4).join(' ')}"`}`);
  const next = (): string => {
    const token = tokens[at];
    at += 1;
    return token ?? expected('more');
  };
  return {
    peek,
    next,
    take: (word) => {
      const isIt = peek() === word;
      if (isIt) at += 1;
      return isIt;
    },
    done: () => at >= tokens.length,
    expected,
  };
};
