import type { Scalar } from './datatype.ts';

/** The packet has no such header: the rule ends without matching (NFT_BREAK). */
export const absent = Symbol('absent');

/** A number the kernel draws: any of `from` to `from + count - 1`, all as likely. */
export interface Luck {
  from: number;
  count: number;
  per: 'packet' | 'connection' | 'client';
}

/** Undefined when we cannot tell. */
export type Value = Scalar | Scalar[] | Luck | typeof absent | undefined;

export const isLuck = (value: Value): value is Luck => typeof value === 'object' && !Array.isArray(value);
