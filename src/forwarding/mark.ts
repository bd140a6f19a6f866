/** `0x4000/0x4000` or `0x10` → value and mask, as iproute2 and iptables print packet marks. */
export const parseMark = (text: string): { value: number; mask: number } => {
  const [value, mask] = text.split('/');
  return { value: Number(value), mask: mask === undefined ? 0xffffffff : Number(mask) };
};

/** Bitwise operators of JavaScript are signed; marks are not. */
export const and = (a: number, b: number): number => (a & b) >>> 0;
export const or = (a: number, b: number): number => (a | b) >>> 0;
export const xor = (a: number, b: number): number => (a ^ b) >>> 0;
export const not = (a: number): number => ~a >>> 0;

export const matchesMark = (text: string, mark: number): boolean => {
  const wanted = parseMark(text);
  return and(mark, wanted.mask) === and(wanted.value, 0xffffffff);
};
