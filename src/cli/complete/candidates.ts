import { type AnyCommand, nameOf } from '../commands/command.ts';
import type { Candidate, Flag, Values } from '../flag.ts';
import { endCandidates } from './ends.ts';
import type { Names } from './names.ts';
import { flagsOf, type Line, takesValue } from './read-line.ts';

/** Flags that may still come: the same one twice is for those that gather. */
const flagCandidates = ({ command, given }: Line): Candidate[] =>
  Object.entries(flagsOf(command))
    .filter(([name, { hidden, array, type }]) => !hidden && name.length > 1 && (!(name in given) || array || type === 'count'))
    .map(([name, { describe }]) => ({ value: `--${name}`, ...(describe === undefined ? {} : { meaning: describe }) }));

const plain = (values: readonly string[]): Candidate[] => values.map((value) => ({ value }));

/** What stands somewhere else: in the kubeconfig or the cluster. */
const lookUp = async (values: Exclude<Values, readonly Candidate[]>, typed: string, names: Names): Promise<Candidate[]> => {
  if (values === 'file') return [];
  if (values === 'pod' || values === 'end') return endCandidates(values, typed, names);
  if (values === 'namespace') return names.objects('namespaces');
  if (values === 'node') return names.objects('nodes');
  return plain(names.entries(`${values}s`));
};

const valueCandidates = async (values: Values | undefined, typed: string, names: Names): Promise<Candidate[]> => {
  if (values === undefined) return [];
  return typeof values === 'string' ? lookUp(values, typed, names) : [...values];
};

const choicesOf = ({ choices }: Flag): Candidate[] | undefined =>
  choices && plain(choices.flatMap((choice) => (choice === undefined ? [] : [String(choice)])));

const candidates = async (line: Line, commands: readonly AnyCommand[], names: Names): Promise<Candidate[]> => {
  const { next, typed } = line;
  if (next.is === 'command') return commands.map((command) => ({ value: nameOf(command), meaning: command.summary }));
  if (next.is === 'flag') return flagCandidates(line);
  if (next.is === 'value') {
    const { of } = next;
    return choicesOf(of) ?? (takesValue(of) ? valueCandidates(of.values, typed, names) : plain(['true', 'false']));
  }
  if (next.is === 'nothing') return [];
  const found = await valueCandidates(next.values, typed, names);
  // two of the same ask nothing of a list; path's two ends may well be one pod
  return line.command && Object.values(line.command.words ?? {}).some(({ array }) => array)
    ? found.filter(({ value }) => !line.words.includes(value))
    : found;
};

/** cobra's ShellCompDirective: bits that say what the shell does with the candidates. */
const NO_SPACE = 2;
const NO_FILES = 4;

/** What `__complete` prints: a candidate per line with its meaning behind a tab, then `:` and the directive. */
export const completion = async (line: Line, commands: readonly AnyCommand[], names: Names): Promise<string> => {
  const { next, typed } = line;
  if (next.is === 'value' && next.of.values === 'file') return ':0\n';
  const found = (await candidates(line, commands, names)).filter(({ value }) => value.startsWith(typed) && !/\p{Cc}/u.test(value));
  // more of the word follows a slash
  const unfinished = found.length > 0 && found.every(({ value }) => value.endsWith('/'));
  const lines = found.map(({ value, meaning }) => (meaning === undefined ? value : `${value}\t${meaning.replaceAll(/\s+/g, ' ')}`));
  return [...lines, `:${unfinished ? NO_FILES + NO_SPACE : NO_FILES}`, ''].join('\n');
};
