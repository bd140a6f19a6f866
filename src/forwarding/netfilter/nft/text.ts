import { isObject, nameAndBody } from './json.ts';

/** One rule in nft's own words, near enough to find it with `nft -a list chain`. */
export const ruleText = (expressions: unknown[]): string => expressions.map(statementText).filter(Boolean).join(' ');

const statementText = (statement: unknown): string => {
  const [name, body] = nameAndBody(statement);
  return statements[name]?.(body) ?? (body === null ? name : `${name} ${JSON.stringify(body)}`);
};

const statements: Record<string, (body: unknown) => string> = {
  match: (body) => (isObject(body) ? [side(body.left), operator(body.op), side(body.right)].filter(Boolean).join(' ') : ''),
  counter: () => 'counter',
  jump: (body) => `jump ${target(body)}`,
  goto: (body) => `goto ${target(body)}`,
  reject: (body) => (isObject(body) ? `reject with ${body.type}${body.expr === undefined ? '' : ` type ${body.expr}`}` : 'reject'),
  masquerade: () => 'masquerade',
  vmap: (body) => (isObject(body) ? `${side(body.key)} vmap ${side(body.data)}` : 'vmap'),
  dnat: (body) => (isObject(body) ? `dnat to ${side(body.addr)}${body.port === undefined ? '' : `:${side(body.port)}`}` : 'dnat'),
  snat: (body) => (isObject(body) ? `snat to ${side(body.addr)}` : 'snat'),
  queue: (body) => (isObject(body) ? ['queue', queueFlags(body.flags), `to ${side(body.num)}`].filter(Boolean).join(' ') : 'queue'),
  mangle: (body) => (isObject(body) ? `${side(body.key)} set ${side(body.value)}` : ''),
};

const target = (body: unknown): string => (isObject(body) ? String(body.target) : '');

const queueFlags = (flags: unknown): string => (flags === undefined ? '' : `flags ${[flags].flat().join(',')}`);

const operator = (op: unknown): string => (op === '==' || op === 'in' ? '' : String(op));

const side = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(side).join(',');
  if (!isObject(value)) return String(value);
  const [name, body] = nameAndBody(value);
  return sides[name]?.(body) ?? JSON.stringify(value);
};

const sides: Record<string, (body: unknown) => string> = {
  payload: (body) => (isObject(body) ? `${body.protocol} ${body.field}` : ''),
  meta: (body) => (isObject(body) ? (shortMeta.has(String(body.key)) ? String(body.key) : `meta ${body.key}`) : ''),
  ct: (body) => (isObject(body) ? `ct ${body.dir ? `${body.dir} ` : ''}${body.key}` : ''),
  numgen: (body) => (isObject(body) ? `numgen ${body.mode} mod ${body.mod}${body.offset ? ` offset ${body.offset}` : ''}` : ''),
  fib: (body) => (isObject(body) ? `fib ${side(body.flags)} ${body.result}` : ''),
  prefix: (body) => (isObject(body) ? `${body.addr}/${body.len}` : ''),
  range: (body) => (Array.isArray(body) ? body.map(side).join('-') : ''),
  concat: (body) => (Array.isArray(body) ? body.map(side).join(' . ') : ''),
  set: (body) => (Array.isArray(body) ? `{ ${body.map(side).join(', ')} }` : side(body)),
  '&': (body) => (Array.isArray(body) ? body.map(side).join(' & ') : ''),
  '|': (body) => (Array.isArray(body) ? body.map(side).join(' | ') : ''),
  '^': (body) => (Array.isArray(body) ? body.map(side).join(' ^ ') : ''),
};

const shortMeta = new Set(['iifname', 'oifname', 'iif', 'oif']);
