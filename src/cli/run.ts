import yargs, { type ArgumentsCamelCase } from 'yargs';
import { CliError, EXIT } from '../cluster/errors.ts';
import { escapeTerminal } from '../report/escape.ts';
import { nameOf } from './commands/command.ts';
import { commands } from './commands/index.ts';
import { answerCompletion, COMPLETE } from './complete/answer.ts';
import type { Context, ExitCode } from './context.ts';
import { declare } from './declare.ts';
import { writeAll } from './write.ts';

const USAGE = `Find out why A cannot reach B: kubectl netdoctor path A B

A and B are pods, ns/pod, deploy/x, svc/x, node/x, IP addresses or host names.`;

const EPILOGUE = `Exit codes: 0 healthy, 1 problem found, 2 and up: the doctor could not do its work.
Every global kubectl flag is understood after the command: kubectl netdoctor path A B --context=prod -n shop`;

/** What yargs found wrong, as one line. */
const usageError = (message: string, command: string): CliError => {
  // "Invalid values:" and what is invalid come on lines of their own
  const line = message.replaceAll(/\s*\n\s*/g, ' ').trim();
  return new CliError(`error: ${line.charAt(0).toLowerCase()}${line.slice(1)}\nSee 'kubectl netdoctor ${command}--help'.`, EXIT.usage);
};

/** The command line with the command it starts with, for the hint where help is. */
const commandOf = (argv: string[]): string => {
  const [first = ''] = argv;
  return commands.some((command) => nameOf(command) === first) ? `${first} ` : '';
};

/** yargs takes a lone dash for no flag's value: `--from -` becomes `--from=-`. */
const joinDashes = (argv: string[]): string[] =>
  argv.flatMap((word, index) => {
    if (word === '-' && /^--[a-z-]+$/.test(argv[index - 1] ?? '')) return [];
    return argv[index + 1] === '-' && /^--[a-z-]+$/.test(word) ? [`${word}=-`] : [word];
  });

/**
 * Reads the command line and runs its command.
 * @throws CliError for what the user should change
 */
export const run = async (words: string[], context: Context): Promise<ExitCode> => {
  // a half-written command line would be wrong usage to the parser
  if (words[0] === COMPLETE) return answerCompletion(words.slice(1), context);
  const argv = joinDashes(words);
  let chosen: (() => Promise<ExitCode>) | undefined;
  const parser = yargs(argv)
    .scriptName('kubectl netdoctor')
    .locale('en')
    .usage(USAGE)
    .epilogue(EPILOGUE)
    .parserConfiguration({
      'strip-aliased': true,
      'strip-dashed': true,
      'duplicate-arguments-array': false,
      'greedy-arrays': false,
      'boolean-negation': false,
    })
    .help('help')
    .alias('help', 'h')
    .version(false)
    .wrap(context.stdout.isTTY ? Math.min(120, context.stdout.columns ?? 80) : 100)
    .strict()
    .recommendCommands()
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? usageError(message ?? 'not understood', commandOf(argv));
    });
  for (const command of commands) {
    parser.command(
      command.usage,
      command.summary,
      (own) => declare(own, command),
      (read) => {
        chosen = () => command.run(read as ArgumentsCamelCase, context);
      },
    );
  }
  let help = '';
  await parser.parseAsync(argv, {}, (_error: unknown, _argv: unknown, output: string) => {
    help = output;
  });
  if (chosen) return chosen();
  if (help === '' && argv.length > 0) throw usageError(`unknown command "${argv[0]}"`, '');
  await writeAll(context.stdout, `${help === '' ? await parser.getHelp() : help}\n`);
  return 0;
};

/** The one line an error is to the user; what is none of ours keeps its stack for a bug report. */
export const errorText = (error: unknown): { text: string; exitCode: ExitCode } => {
  if (error instanceof CliError) return { text: escapeTerminal(error.message), exitCode: error.exitCode };
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `error: this is a bug in netdoctor, please report it with these lines\n${escapeTerminal(stack)}`, exitCode: EXIT.server };
};
