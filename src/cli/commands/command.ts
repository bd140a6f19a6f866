import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { Context, ExitCode } from '../context.ts';

/** One subcommand. `run` gets what yargs read and answers with an exit code. */
export interface Command<Flags = object> {
  /** yargs' own notation: `path <from> <to>`. */
  usage: string;
  summary: string;
  examples: [command: string, meaning: string][];
  flags: (yargs: Argv) => Argv<Flags>;
  run: (flags: ArgumentsCamelCase<Flags>, context: Context) => Promise<ExitCode>;
}
