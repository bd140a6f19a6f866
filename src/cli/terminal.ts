import type { Canvas } from '../report/canvas.ts';

export type ColourChoice = 'auto' | 'always' | 'never';

interface Screen {
  isTTY?: boolean;
  columns?: number;
}

/** kubectl's printers.AllowsColorOutput: a terminal, not TERM=dumb, no NO_COLOR (even an empty one). */
const allowsColour = (screen: Screen, env: NodeJS.ProcessEnv): boolean => screen.isTTY === true && env.TERM !== 'dumb' && env.NO_COLOR === undefined;

/** A UTF-8 locale, or none said at all (containers), on anything but the Linux console, whose font lacks the marks. */
const speaksUnicode = (env: NodeJS.ProcessEnv): boolean => {
  if (env.TERM === 'linux') return false;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return locale === '' || /utf-?8/i.test(locale);
};

/** What a report may know of its reader. COLUMNS overrules the terminal's own word, as for other tools. */
export const canvasFor = (screen: Screen, env: NodeJS.ProcessEnv, colour: ColourChoice): Canvas => {
  const asked = Number.parseInt(env.COLUMNS ?? '', 10);
  const columns = screen.isTTY ? (Number.isInteger(asked) && asked > 0 ? asked : (screen.columns ?? 80)) : 0;
  return { columns, colour: colour === 'always' || (colour === 'auto' && allowsColour(screen, env)), unicode: speaksUnicode(env) };
};
