import { type Document, isMap, isNode, isPair, isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import type { ApiObject } from '../../cluster/facts.ts';
import type { Path } from '../field.ts';

/** A file of manifests, as it was read. */
export interface ManifestFile {
  /** As a person would name it. */
  file: string;
  text: string;
}

/** What is wrong with a manifest, and where. */
export interface ManifestProblem {
  file: string;
  /** 1-based. */
  line: number;
  /** `NetworkPolicy shop/web`; absent where the text is no object at all. */
  object?: string;
  /** `spec.ingress[0].from`; absent where it is the text itself. */
  field?: string;
  reason: string;
}

/** An object of a manifest, with the way back to its text. */
export interface Manifest {
  object: ApiObject;
  file: string;
  /** 1-based line of a field, or of the nearest thing around it that is there. */
  lineOf: (path: Path) => number;
}

export interface Parsed {
  manifests: Manifest[];
  problems: ManifestProblem[];
}

/** Where a key stands, as it names the field best; else its value. */
const step = (node: unknown, part: string | number): { value: unknown; at?: Node } => {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
    return isPair(pair) ? { value: pair.value, ...(isNode(pair.key) ? { at: pair.key } : {}) } : { value: undefined };
  }
  if (isSeq(node) && typeof part === 'number') {
    const item = node.items[part];
    return { value: item, ...(isNode(item) ? { at: item } : {}) };
  }
  return { value: undefined };
};

const lineIn = (document: Document.Parsed, lines: LineCounter, path: Path): number => {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const part of path) {
    const { value, at } = step(node, part);
    if (!at) break;
    offset = at.range?.[0] ?? offset;
    node = value;
  }
  return lines.linePos(offset).line;
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Objects inside a List, with the way to each. */
const unlisted = (value: unknown, path: Path): { value: unknown; path: Path }[] => {
  const isList = isObject(value) && typeof value.kind === 'string' && value.kind.endsWith('List') && Array.isArray(value.items);
  if (!isList) return [{ value, path }];
  // a list of one kind leaves the kind of its items out
  const kind = value.kind === 'List' ? undefined : String(value.kind).slice(0, -'List'.length);
  return (value.items as unknown[]).flatMap((item, index) =>
    unlisted(isObject(item) && kind !== undefined ? { apiVersion: value.apiVersion, kind, ...item } : item, [...path, 'items', index]),
  );
};

/** Why something is no API object, and which field says so. */
const fault = (value: unknown): { field: Path; reason: string } | undefined => {
  if (!isObject(value)) return { field: [], reason: 'no API object: apiVersion, kind and metadata are expected' };
  for (const name of ['apiVersion', 'kind']) {
    if (typeof value[name] !== 'string' || value[name] === '') return { field: [name], reason: 'it is required' };
  }
  if (!isObject(value.metadata)) return { field: ['metadata'], reason: 'it is required' };
  const { name, generateName, namespace, labels } = value.metadata;
  if ((typeof name !== 'string' || name === '') && typeof generateName !== 'string') return { field: ['metadata', 'name'], reason: 'it is required' };
  if (namespace !== undefined && namespace !== null && typeof namespace !== 'string')
    return { field: ['metadata', 'namespace'], reason: 'a text is expected' };
  if (isObject(labels)) {
    const bad = Object.entries(labels).find(([, label]) => typeof label !== 'string');
    if (bad) return { field: ['metadata', 'labels', bad[0]], reason: `a text is expected, not ${JSON.stringify(bad[1])}` };
  }
  return undefined;
};

const nameOf = ({ kind, metadata }: Record<string, unknown>): string => {
  const { namespace, name } = isObject(metadata) ? metadata : {};
  return `${kind} ${namespace ? `${namespace}/` : ''}${name ?? ''}`.trim();
};

const asObject = (value: Record<string, unknown>): ApiObject => {
  const metadata = value.metadata as Record<string, unknown>;
  return { ...value, metadata: { ...metadata, name: metadata.name ?? metadata.generateName } } as ApiObject;
};

const parseDocument = (document: Document.Parsed, file: string, lines: LineCounter): Parsed => {
  const [error] = document.errors;
  if (error) {
    const [first = 'it is no YAML'] = error.message.split('\n');
    return { manifests: [], problems: [{ file, line: error.linePos?.[0].line ?? 1, reason: first.replace(/ at line \d+, column \d+:?$/, '') }] };
  }
  const value: unknown = document.toJS({ maxAliasCount: 1000 });
  if (value === null || value === undefined) return { manifests: [], problems: [] };
  const parsed: Parsed = { manifests: [], problems: [] };
  for (const { value: one, path } of unlisted(value, [])) {
    const lineOf = (field: Path): number => lineIn(document, lines, [...path, ...field]);
    const wrong = fault(one);
    if (wrong) {
      const named = isObject(one) && typeof one.kind === 'string' ? { object: nameOf(one) } : {};
      parsed.problems.push({ file, line: lineOf(wrong.field), ...named, field: wrong.field.join('.') || '(the object)', reason: wrong.reason });
    } else parsed.manifests.push({ object: asObject(one as Record<string, unknown>), file, lineOf });
  }
  return parsed;
};

/** YAML or JSON, several documents, Lists inside: every object with its place. What is no object is said, and the rest still read. */
export const parseManifests = (files: readonly ManifestFile[]): Parsed => {
  const all = files.map(({ file, text }) => {
    const lines = new LineCounter();
    const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true });
    return [...documents].map((document) => parseDocument(document as Document.Parsed, file, lines));
  });
  return { manifests: all.flat().flatMap(({ manifests }) => manifests), problems: all.flat().flatMap(({ problems }) => problems) };
};
