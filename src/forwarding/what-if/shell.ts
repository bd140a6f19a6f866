import { fail } from './change.ts';

const WORDS = /(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs;
const PARTS = /\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gs;

/** Signs that a shell would act on. */
const MEANT_FOR_A_SHELL = /^(?:\||\|\||&&?|;|>{1,2}|<)$|[;|&`]|\$\(/;

/**
 * A line as a shell takes it apart: blanks part words, quotes and backslashes keep them together.
 * @throws ChangeError for pipes, variables and several commands in one
 */
export const shellWords = (line: string): string[] => {
  const words = line.match(WORDS) ?? [];
  for (const word of words) {
    if (!/["'\\]/.test(word) && MEANT_FOR_A_SHELL.test(word)) fail(`"${word}" is for a shell: give each command a --what-if of its own`);
  }
  const open = line.replace(PARTS, '');
  if (/["']/.test(open)) fail('a quote is not closed');
  return words.map((word) =>
    word.replace(PARTS, (_, plain?: string, double?: string, single?: string) => plain ?? double?.replace(/\\(.)/g, '$1') ?? single ?? ''),
  );
};
