/** Shell text, verbatim but for `\${`, which stands for `${`: a template literal would otherwise take it as its own. */
export const sh = (text: TemplateStringsArray): string => String.raw(text).replaceAll('\\${', '${');

/** One word for a POSIX shell, whatever is in it. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
