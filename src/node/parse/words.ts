const WORDS = /(?:[^\s"]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/g;
const QUOTED = /"((?:[^"\\]|\\.)*)(?:"|\\?$)/g;

/** What a quoted string says: a backslash keeps the next character. */
export const unquoted = (text: string): string => (text.includes('\\') ? text.replace(/\\(.)/g, '$1') : text);

/**
 * Splits a rule as iptables-save prints it: blanks part words, a double-quoted string is one word, inside it a backslash keeps the next
 * character (xtables_save_string, libxtables/xtables.c). An open quote ends with the line.
 */
export const splitWords = (text: string): string[] =>
  (text.match(WORDS) ?? []).map((word) => (word.includes('"') ? word.replace(QUOTED, (_, inside: string) => unquoted(inside)) : word));
