import { escapeLine } from '../escape.ts';
import { cellText, isJudged } from './matrix.ts';
import type { MatrixGroup, PolicyMatrixReport } from './reports.ts';

const quoted = (text: string): string => `"${escapeLine(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** A spreadsheet must not take a name for a formula, and commas and quotes end no field (RFC 4180). */
const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const membersOf = ({ members, kind }: MatrixGroup): string[] => members.map((name) => (kind === 'outside' ? `outside ${name}` : name));

/** One line per pair of workloads, namespaces or blocks, with what may pass; line by line, as there can be millions. */
export function* matrixCsv(report: PolicyMatrixReport): Generator<string> {
  yield 'from,to,traffic\n';
  const names = report.groups.map((group) => membersOf(group).map(field));
  for (const [from, sources] of names.entries()) {
    for (const source of sources) {
      const lines = names.flatMap((destinations, to) =>
        isJudged(report, from, to) ? destinations.map((destination) => `${source},${destination},${field(cellText(report, from, to))}\n`) : [],
      );
      yield lines.join('');
    }
  }
}

interface Edge {
  from: number;
  to: number;
  traffic: string;
}

/** Groups with an edge for whatever may pass; all of a graph's edges of one kind would hide the rest, so none is left out. */
const edges = (report: PolicyMatrixReport): Edge[] =>
  report.groups.flatMap((_, from) =>
    report.groups.flatMap((__, to): Edge[] => {
      const traffic = cellText(report, from, to);
      return traffic === 'none' || !isJudged(report, from, to) ? [] : [{ from, to, traffic }];
    }),
  );

export const matrixDot = (report: PolicyMatrixReport): string =>
  [
    'digraph policies {',
    '  rankdir=LR;',
    '  node [shape=box];',
    ...report.groups.map(({ name, kind }, index) => `  g${index} [label=${quoted(name)}${kind === 'outside' ? ', shape=ellipse' : ''}];`),
    ...edges(report).map(({ from, to, traffic }) => `  g${from} -> g${to}${traffic === 'any' ? '' : ` [label=${quoted(traffic)}]`};`),
    '}',
    '',
  ].join('\n');

/** Mermaid has no escapes but entities (mermaid.js.org, flowchart: entity codes). */
const entity = (text: string): string =>
  escapeLine(text).replaceAll('#', '#35;').replaceAll('"', '#quot;').replaceAll('<', '#lt;').replaceAll('>', '#gt;');

export const matrixMermaid = (report: PolicyMatrixReport): string =>
  [
    'flowchart LR',
    ...report.groups.map(({ name, kind }, index) => `  g${index}${kind === 'outside' ? '(' : '['}"${entity(name)}"${kind === 'outside' ? ')' : ']'}`),
    ...edges(report).map(({ from, to, traffic }) => `  g${from} -->${traffic === 'any' ? '' : `|"${entity(traffic)}"|`} g${to}`),
    '',
  ].join('\n');
