import { createInterface } from 'node:readline/promises';
import { CliError, EXIT } from '../cluster/errors.ts';
import { escapeTerminal } from '../report/escape.ts';
import type { Context } from './context.ts';

/**
 * Asks a person; only "y" and "yes" mean yes.
 * @throws CliError where there is nobody to ask
 */
export const askYesNo = async (question: string, { stdin, stderr }: Context, short = 'Add it?'): Promise<boolean> => {
  if (!stdin.isTTY) throw new CliError(`error: ${escapeTerminal(question)}\nThere is no terminal to ask on: confirm with --yes.`, EXIT.usage);
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${escapeTerminal(question)}\n${short} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
};
