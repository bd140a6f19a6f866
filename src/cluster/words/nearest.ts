/** Levenshtein distance: how many characters have to be put in, taken out or replaced. */
export const distance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replace, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
};

/**
 * The existing name that was most likely meant: one that begins with what was typed (`web` for web-75b76b65bf-4mpt7), else one a few typing
 * errors away; undefined when nothing is near.
 */
export const nearest = (typed: string, names: string[]): string | undefined => {
  const sorted = [...new Set(names)].sort();
  const longer = sorted.find((name) => name.startsWith(`${typed}-`));
  if (longer) return longer;
  const ranked = sorted.map((name) => ({ name, off: distance(typed, name) })).sort((a, b) => a.off - b.off);
  const [best] = ranked;
  return best && best.off <= Math.max(1, Math.floor(typed.length / 3)) ? best.name : undefined;
};
