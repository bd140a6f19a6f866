/** JSON of libnftables-json(5), read defensively: what we do not know stays unknown. */
export type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first key of an expression object names it; a word stands for itself. */
export const nameAndBody = (expression: unknown): [name: string, body: unknown] => {
  if (typeof expression === 'string') return [expression, null];
  if (!isObject(expression)) return ['', null];
  for (const name in expression) return [name, expression[name]];
  return ['', null];
};

/** An element may be wrapped to carry a comment, a timeout or a counter. */
export const unwrap = (element: unknown): unknown => (isObject(element) && isObject(element.elem) ? element.elem.val : element);
