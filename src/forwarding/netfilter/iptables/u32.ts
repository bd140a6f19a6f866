import type { Known } from '../context.ts';

/** Bytes from the network header on; undefined where they are not known. */
type Bytes = (number | undefined)[];

const word = (bytes: Bytes, at: number): number | undefined => {
  let value = 0;
  for (const byte of [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) {
    if (byte === undefined) return undefined;
    value = value * 256 + byte;
  }
  return value;
};

/** `6&0xFF`, `0>>22&0x3C@12>>26`: from the left, on 32-bit words (iptables-extensions(8)). The mask is applied even where bytes it hides are unknown. */
const locate = (text: string, bytes: Bytes): number | undefined => {
  let base = 0;
  let value: number | undefined;
  const tokens = [...text.matchAll(/(&|<<|>>|@)?\s*(0x[0-9a-f]+|\d+)/gi)];
  for (const [position, [, operator, number = '']] of tokens.entries()) {
    const operand = Number(number);
    const [, next, mask] = tokens[position + 1] ?? [];
    if (operator === undefined) {
      value = word(bytes, base + operand) ?? (next === '&' ? masked(bytes, base + operand, Number(mask)) : undefined);
    } else if (value === undefined) {
      return undefined;
    } else if (operator === '@') {
      base += value;
      value = word(bytes, base + operand) ?? (next === '&' ? masked(bytes, base + operand, Number(mask)) : undefined);
    } else if (operator === '&') value = (value & operand) >>> 0;
    else if (operator === '<<') value = (value << operand) >>> 0;
    else value >>>= operand;
  }
  return value;
};

/** The word with unknown bytes as zero, when the mask hides all of them. */
const masked = (bytes: Bytes, at: number, mask: number): number | undefined => {
  let value = 0;
  for (let byte = 0; byte < 4; byte += 1) {
    const own = bytes[at + byte];
    if (own === undefined && ((mask >>> (8 * (3 - byte))) & 0xff) !== 0) return undefined;
    value = value * 256 + (own ?? 0);
  }
  return value;
};

const inRanges = (value: number, ranges: string): boolean =>
  ranges.split(',').some((range) => {
    const [low = 0, high = low] = range.split(':').map(Number);
    return value >= low && value <= high;
  });

/** `6&0xFF=0:5 && 32=0x…`: every test has to hold (xt_u32.c). */
export const u32 = (text: string, bytes: Bytes): Known => {
  let all: Known = true;
  for (const test of text.split('&&')) {
    const [location = '', ranges = ''] = test.split('=');
    const value = locate(location, bytes);
    if (value === undefined) all = undefined;
    else if (!inRanges(value, ranges)) return false;
  }
  return all;
};
