/** A table's own entry for a word that a node said: not what every object has, such as `toString`. */
export const named = <T>(table: Readonly<Record<string, T>>, word: string): T | undefined => (Object.hasOwn(table, word) ? table[word] : undefined);
