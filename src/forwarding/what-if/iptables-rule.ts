import { parsePrefix } from '../address.ts';
import { type OptionUse, type RuleWords, readRule } from '../netfilter/iptables/words.ts';
import { protocolNumber } from '../protocol.ts';

/** `10.0.0.1` and `10.0.0.1/32`, `10.0.0.5/24` and `10.0.0.0/24` are one; a comment is kept as it is. */
const spelled = (option: string, value: string): string => {
  if (option === '-p') return `${protocolNumber(value) ?? value}`;
  if (option !== '-s' && option !== '-d')
    return value.toLowerCase() === value.toUpperCase() ? value : /^0x/i.test(value) ? value.toLowerCase() : value;
  const prefix = parsePrefix(value);
  return prefix ? `${prefix.network}/${prefix.length}` : value;
};

const sameEverywhere = (family: 4 | 6, { name, values, inverted }: OptionUse): boolean =>
  (name === '-s' || name === '-d') && !inverted && values[0] === (family === 4 ? '0.0.0.0/0' : '::/0');

const optionText = ({ name, values, inverted }: OptionUse): string =>
  `${inverted ? '! ' : ''}${name} ${values.map((value) => spelled(name, value)).join(' ')}`;

/** Marks written in several ways: `--set-mark X` is `--set-xmark X/0xffffffff`. */
const targetText = ({ name, values, inverted }: OptionUse): string => {
  const [value = ''] = values;
  if (name === '--set-mark' || name === '--set-xmark') return `--set-xmark ${markText(value)}`;
  return optionText({ name, values, inverted });
};

const markText = (value: string): string => {
  const [mark = '', mask = '0xffffffff'] = value.split('/');
  return `${Number(mark)}/${Number(mask)}`;
};

/** One spelling for all rules that the kernel would hold to be the same (libiptc compares what a rule means, not how it was typed). */
const canonical = (family: 4 | 6, { matches, target, goes, targetOptions }: RuleWords): string =>
  [
    ...matches
      .map(({ module, options }) => [
        module,
        ...options
          .filter((option) => !sameEverywhere(family, option))
          .map(optionText)
          .sort(),
      ])
      .filter((use) => use.length > 1)
      .map((use) => use.join(' '))
      .sort(),
    `${goes ? 'goto' : 'jump'} ${target ?? ''}`,
    ...targetOptions.map(targetText).sort(),
  ].join(' | ');

/** Whether two rules, in words, are the same to `iptables -D`. */
export const sameRule = (family: 4 | 6, one: readonly string[], other: readonly string[]): boolean =>
  canonical(family, readRule(one)) === canonical(family, readRule(other));

/** Words as iptables-save would print them. */
export const ruleText = (words: readonly string[]): string =>
  words.map((word) => (/^[^\s"\\]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`)).join(' ');
