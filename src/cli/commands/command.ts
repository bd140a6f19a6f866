import type { ArgumentsCamelCase } from 'yargs';
import type { Context, ExitCode } from '../context.ts';
import type { Flags as FlagTable, Word } from '../flag.ts';

/** One subcommand. `run` gets what yargs read and answers with an exit code. */
interface Command<Flags> {
  /** yargs' own notation: `path <from> <to>`. */
  usage: string;
  summary: string;
  examples: [command: string, meaning: string][];
  /** What its words mean, by their names in `usage` and in that order. */
  words?: Readonly<Record<string, Word>>;
  flags?: FlagTable;
  /** More flags, under the heads help gives them; kubectl's own come with every command. */
  flagGroups?: Readonly<Record<string, FlagTable>>;
  run: (flags: ArgumentsCamelCase<Flags>, context: Context) => Promise<ExitCode>;
}

/** A command as the parser sees it, which alone knows that what it hands over is what the command declared. */
export interface AnyCommand extends Omit<Command<object>, 'run'> {
  run: (flags: ArgumentsCamelCase, context: Context) => Promise<ExitCode>;
}

/** The one place where yargs' word for the type of the flags is taken. */
export const defineCommand = <Flags>(command: Command<Flags>): AnyCommand => command as unknown as AnyCommand;

/** The word a command is called by. */
export const nameOf = ({ usage }: AnyCommand): string => usage.split(' ')[0] ?? usage;
