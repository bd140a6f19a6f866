import { type AnyCommand, nameOf } from '../commands/command.ts';
import type { Flag, Flags, Values, Word } from '../flag.ts';
import { connectionFlags } from '../global-flags.ts';

/** A command line as far as it is written, its last word still being typed. */
export interface Line {
  command?: AnyCommand;
  /** Flags that stand before, by their long names, with what they were given: each value, or 'true' for one that takes none. */
  given: Readonly<Record<string, readonly string[]>>;
  words: readonly string[];
  /** What the last word is: the command, a flag, a flag's value or a word of the command's; nothing where no more is taken. */
  next: { is: 'command' } | { is: 'flag' } | { is: 'value'; of: Flag } | { is: 'word'; values?: Values } | { is: 'nothing' };
  /** The part of the last word that is to be completed: of `--output=js` it is `js`. */
  typed: string;
}

const help: Flags = { help: { type: 'boolean', alias: 'h', describe: 'Show help' } };

/** Every flag that is understood at this place. */
export const flagsOf = (command: AnyCommand | undefined): Flags =>
  command === undefined
    ? { ...connectionFlags, ...help }
    : { ...command.flags, ...Object.assign({}, ...Object.values(command.flagGroups ?? {})), ...connectionFlags, ...help };

export const takesValue = ({ type }: Flag): boolean => type !== 'boolean' && type !== 'count';

interface FlagWord {
  name: string;
  flag: Flag;
  /** What stands behind `=`. */
  value?: string;
}

const isFlag = (text: string): boolean => text.startsWith('-') && text !== '-';

/** `--name`, `--name=value`, `-n`, `-n=value`; of one-letter flags in one word (`-qA`) the last is what can take a value. */
const readFlag = (text: string, flags: Flags): FlagWord | undefined => {
  const [, dashes = '', written = '', , value] = /^(--?)([^=]*)(=(.*))?$/s.exec(text) ?? [];
  const letter = written.at(-1);
  const [name, flag] =
    Object.entries(flags).find(([long, { alias }]) =>
      dashes === '--' ? long === written : letter !== undefined && (alias === letter || long === letter),
    ) ?? [];
  if (name === undefined || flag === undefined) return undefined;
  return { name, flag, ...(value === undefined ? {} : { value }) };
};

/** What the next word of a command is: its usage names them in order, and an array takes all that follow. */
const nextWord = (command: AnyCommand, words: readonly string[]): Line['next'] => {
  const declared: Word[] = Object.values(command.words ?? {});
  const last = declared.at(-1);
  const word = declared[words.length] ?? (last?.array ? last : undefined);
  if (word === undefined) return { is: 'nothing' };
  return { is: 'word', ...(word.values === undefined ? {} : { values: word.values }) };
};

interface State extends Pick<Line, 'command' | 'given' | 'words'> {
  /** The first word is no command of ours: whatever follows, nothing is known of it. */
  lost: boolean;
  /** Behind `--`, where nothing is a flag. */
  onlyWords: boolean;
  /** A flag whose value is the next word. */
  waiting?: FlagWord;
}

const give = (state: State, name: string, value: string): State => ({
  ...state,
  given: { ...state.given, [name]: [...(state.given[name] ?? []), value] },
});

/** Reads one finished word more. */
const step = (commands: readonly AnyCommand[], { waiting, ...state }: State, text: string): State => {
  if (waiting) return give(state, waiting.name, text);
  if (!state.onlyWords && text === '--') return { ...state, onlyWords: true };
  if (!state.onlyWords && isFlag(text)) {
    const found = readFlag(text, flagsOf(state.command));
    if (!found) return state;
    return takesValue(found.flag) && found.value === undefined ? { ...state, waiting: found } : give(state, found.name, found.value ?? 'true');
  }
  if (state.command || state.lost) return { ...state, words: [...state.words, text] };
  const command = commands.find((one) => nameOf(one) === text);
  return command ? { ...state, command } : { ...state, lost: true };
};

/** What the word being typed is, and which part of it is open. */
const nextOf = ({ command, words, lost, onlyWords, waiting }: State, typed: string): Pick<Line, 'next' | 'typed'> => {
  if (waiting) return { next: { is: 'value', of: waiting.flag }, typed };
  if (lost) return { next: { is: 'nothing' }, typed };
  if (!onlyWords && typed.startsWith('-')) {
    if (!typed.includes('=')) return { next: { is: 'flag' }, typed };
    const found = readFlag(typed, flagsOf(command));
    return found ? { next: { is: 'value', of: found.flag }, typed: found.value ?? '' } : { next: { is: 'nothing' }, typed };
  }
  return { next: command ? nextWord(command, words) : { is: 'command' }, typed };
};

/** Pure. @param argv at least the word being typed, which may be empty */
export const readLine = (argv: readonly string[], commands: readonly AnyCommand[]): Line => {
  const start: State = { given: {}, words: [], lost: false, onlyWords: false };
  const state = argv.slice(0, -1).reduce((before, text) => step(commands, before, text), start);
  const { command, given, words } = state;
  return { ...(command ? { command } : {}), given, words, ...nextOf(state, argv.at(-1) ?? '') };
};
