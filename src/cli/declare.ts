import type { Argv } from 'yargs';
import type { AnyCommand } from './commands/command.ts';
import { connectionFlags } from './global-flags.ts';

/** Tells yargs what a command takes and what its help says. */
export const declare = (yargs: Argv, { usage, summary, examples, words = {}, flags = {}, flagGroups = {} }: AnyCommand): Argv => {
  yargs.usage(`${summary}\n\nUsage: kubectl netdoctor ${usage} [flags]`).epilogue('');
  for (const [command, meaning] of examples) yargs.example(command, meaning);
  yargs.options(connectionFlags).group(Object.keys(connectionFlags), 'kubectl flags:');
  for (const [name, word] of Object.entries(words)) yargs.positional(name, word);
  yargs.options(flags);
  for (const [head, group] of Object.entries(flagGroups)) yargs.options(group).group(Object.keys(group), head);
  return yargs;
};
