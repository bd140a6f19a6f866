/**
 * A string from the cluster or a node must not drive the terminal that shows it (kubernetes #101695). Control characters are shown as
 * kubectl's WriteEscaped shows them (`^[` for ESC); bidirectional overrides, which can reorder what is read, become their code point.
 */
export const escapeTerminal = (text: string): string =>
  text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === '\t' || character === '\n') return character;
    if (character === '\r') return '\\r';
    if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });

/** For a table cell or a one-line sentence: tabs and line ends are shown too. */
export const escapeLine = (text: string): string => escapeTerminal(text).replaceAll('\t', '\\t').replaceAll('\n', '\\n');
