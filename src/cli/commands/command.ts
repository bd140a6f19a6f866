import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { Context, ExitCode } from '../context.ts';

/** One subcommand. `run` gets what yargs read and answers with an exit code. */
interface Command<Flags> {
  /** yargs' own notation: `path <from> <to>`. */
  usage: string;
  summary: string;
  examples: [command: string, meaning: string][];
  flags: (yargs: Argv) => Argv<Flags>;
  run: (flags: ArgumentsCamelCase<Flags>, context: Context) => Promise<ExitCode>;
}

/** A command as the parser sees it, which alone knows that what it hands over is what `flags` declared. */
export interface AnyCommand extends Omit<Command<object>, 'run' | 'flags'> {
  flags: (yargs: Argv) => Argv;
  run: (flags: ArgumentsCamelCase, context: Context) => Promise<ExitCode>;
}

/** The one place where yargs' word for the type of the flags is taken. */
export const defineCommand = <Flags>(command: Command<Flags>): AnyCommand => command as unknown as AnyCommand;
