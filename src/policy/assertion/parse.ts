import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Protocol } from '../../cluster/facts.ts';
import type { ManifestFile, ManifestProblem } from '../manifest/parse.ts';

/** What a cluster's policies are expected to say; the ends as they are written on the command line. */
export interface Assertion {
  name: string;
  /** 1-based. */
  line: number;
  from: string;
  to: string;
  port?: number | string;
  protocol?: Protocol;
  expect: 'allow' | 'deny';
}

export interface ParsedAssertions {
  assertions: Assertion[];
  problems: ManifestProblem[];
}

const FORM = '{from, to, expect: allow|deny} and, if need be, {port, protocol, name}';

const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'sctp', 'icmp'] satisfies Protocol[];

/** Why a value cannot be what its field wants; undefined when it can. */
const faults: Record<string, (value: unknown) => string | undefined> = {
  from: (value) =>
    typeof value === 'string' && value.trim() !== '' ? undefined : 'an end is expected: [NS/]POD, deploy/NAME, node/NAME, an address',
  to: (value) => (typeof value === 'string' && value.trim() !== '' ? undefined : 'an end is expected: [NS/]POD, deploy/NAME, svc/NAME, an address'),
  port: (value) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return undefined;
    if (typeof value === 'string' && /^(?=.{1,15}$)[a-z0-9-]*[a-z][a-z0-9-]*$/.test(value)) return undefined;
    return `a number from 1 to 65535 or a port's name is expected, not ${JSON.stringify(value)}`;
  },
  protocol: (value) =>
    typeof value === 'string' && PROTOCOLS.includes(value.toLowerCase())
      ? undefined
      : `${PROTOCOLS.join(', ')} is expected, not ${JSON.stringify(value)}`,
  expect: (value) => (value === 'allow' || value === 'deny' ? undefined : `allow or deny is expected, not ${JSON.stringify(value)}`),
  name: (value) => (typeof value === 'string' ? undefined : 'a text is expected'),
};

const REQUIRED = ['from', 'to', 'expect'];

interface Place {
  file: string;
  lines: LineCounter;
}

const lineOf = ({ lines }: Place, node: unknown): number => lines.linePos((node as Node | null)?.range?.[0] ?? 0).line;

/** `shop/web → shop/db tcp 5432` */
const usualName = ({ from, to, port, protocol }: Omit<Assertion, 'name' | 'line' | 'expect'>): string =>
  [`${from} → ${to}`, ...(protocol === undefined ? [] : [protocol]), ...(port === undefined ? [] : [port])].join(' ');

const readItem = (item: unknown, index: number, place: Place): ParsedAssertions => {
  const line = lineOf(place, item);
  const at = `[${index}]`;
  if (!isMap(item)) return { assertions: [], problems: [{ file: place.file, line, field: at, reason: `${FORM} is expected` }] };
  const problems: ManifestProblem[] = [];
  const values: Record<string, unknown> = {};
  for (const { key, value } of item.items) {
    const name = isScalar(key) ? String(key.value) : '';
    const found = isScalar(value) ? value.value : value === null ? null : undefined;
    const reason = Object.hasOwn(faults, name) ? faults[name]?.(found) : `there is no such field: ${FORM} is expected`;
    if (reason !== undefined) problems.push({ file: place.file, line: lineOf(place, key), field: `${at}.${name}`, reason });
    else values[name] = found;
  }
  const given = new Set(item.items.map(({ key }) => (isScalar(key) ? String(key.value) : '')));
  for (const name of REQUIRED) if (!given.has(name)) problems.push({ file: place.file, line, field: `${at}.${name}`, reason: 'it is required' });
  if (typeof values.protocol === 'string') values.protocol = values.protocol.toLowerCase();
  if (values.protocol === 'icmp' && values.port !== undefined)
    problems.push({ file: place.file, line, field: `${at}.port`, reason: 'icmp has no ports' });
  if (problems.length > 0) return { assertions: [], problems };
  const read = values as unknown as Omit<Assertion, 'name' | 'line'> & { name?: string };
  return { assertions: [{ ...read, name: read.name ?? usualName(read), line }], problems: [] };
};

/** A YAML or JSON list of what is expected; everything that is wrong with it, by line. */
export const parseAssertions = ({ file, text }: ManifestFile): ParsedAssertions => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [error] = document.errors;
  if (error) {
    const [first = 'it is no YAML'] = error.message.split('\n');
    return { assertions: [], problems: [{ file, line: error.linePos?.[0].line ?? 1, reason: first.replace(/ at line \d+, column \d+:?$/, '') }] };
  }
  const { contents } = document;
  if (!isSeq(contents) || contents.items.length === 0)
    return { assertions: [], problems: [{ file, line: 1, reason: `a list is expected, each item ${FORM}` }] };
  const items = contents.items.map((item, index) => readItem(item, index, { file, lines }));
  return { assertions: items.flatMap(({ assertions }) => assertions), problems: items.flatMap(({ problems }) => problems) };
};
