import type { ConnectionFlags } from '../connection-options.ts';
import type { Flag } from '../flag.ts';
import { connectionFlags } from '../global-flags.ts';
import { type Line, takesValue } from './read-line.ts';

const camel = (name: string): string => name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());

const givenValue = (flag: Flag, values: readonly string[]): unknown => {
  if (flag.array) return values;
  const last = values.at(-1);
  return takesValue(flag) ? last : last !== 'false';
};

/** kubectl's flags of a half-written line, as yargs will leave them once it is whole. */
export const connectionGiven = ({ given }: Line): ConnectionFlags =>
  Object.fromEntries(
    Object.entries(connectionFlags).flatMap(([name, flag]) => (given[name] === undefined ? [] : [[camel(name), givenValue(flag, given[name])]])),
  ) as unknown as ConnectionFlags;
