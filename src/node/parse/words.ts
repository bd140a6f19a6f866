/**
 * Splits a rule as iptables-save prints it: blanks part words, a double-quoted string is one word, inside it a backslash keeps the next
 * character (xtables_save_string, libxtables/xtables.c). An open quote ends with the line.
 */
export const splitWords = (text: string): string[] => {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    if (quoted && char === '\\' && at + 1 < text.length) {
      at += 1;
      word = (word ?? '') + text[at];
    } else if (char === '"') {
      quoted = !quoted;
      word ??= '';
    } else if (!quoted && (char === ' ' || char === '\t')) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  return word === undefined ? words : [...words, word];
};
