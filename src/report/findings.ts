import type { Finding } from '../diagnosis/finding.ts';
import { type Canvas, mark, paint, plain } from './canvas.ts';
import { escapeLine } from './escape.ts';
import { wrapText } from './table.ts';

const say = (canvas: Canvas, text: string): string => plain(canvas, escapeLine(text));

/** Never wrapped either. */
const renderManifest = (manifest: string, canvas: Canvas): string[] =>
  manifest
    .trimEnd()
    .split('\n')
    .map((line) => `       ${paint(canvas, 'cyan', say(canvas, line))}`);

/** The title and how sure it is, wrapped as one. */
const renderTitle = ({ title, confidence }: Finding, canvas: Canvas): string => {
  const wrapped = wrapText(`${say(canvas, title)}  [${confidence}]`, canvas, '', '          ');
  const at = wrapped.lastIndexOf(`[${confidence}]`);
  const words = wrapped.slice(0, at).trimEnd();
  const gap = wrapped.slice(words.length, at);
  return `${paint(canvas, 'bold', words)}${gap.includes('\n') ? gap.slice(gap.indexOf('\n')) : gap}${paint(canvas, 'dim', wrapped.slice(at))}`;
};

/** One finding: code and title, evidence, fix, notes. Commands are never wrapped: they are to be copied. */
const renderFinding = (finding: Finding, canvas: Canvas): string => {
  const bad = finding.severity === 'problem';
  const head = `${mark(canvas, bad ? 'bad' : 'warn')} ${finding.code}`;
  const lines = [
    `${paint(canvas, ['bold', bad ? 'red' : 'yellow'], head)}  ${renderTitle(finding, canvas)}`,
    ...finding.evidence.map((line) => wrapText(say(canvas, line), canvas, `  ${mark(canvas, 'bullet')} `, '    ')),
  ];
  for (const [index, line] of finding.fix.entries()) {
    const lead = index === 0 ? '  Fix: ' : '       ';
    lines.push(line.startsWith('$ ') ? `${lead}${paint(canvas, 'cyan', say(canvas, line))}` : wrapText(say(canvas, line), canvas, lead, '       '));
  }
  if (finding.manifest !== undefined) lines.push(...renderManifest(finding.manifest, canvas));
  lines.push(...finding.notes.map((line) => wrapText(say(canvas, line), canvas, '  Note: ', '        ')));
  return lines.join('\n');
};

export const renderFindings = (findings: Finding[], canvas: Canvas): string => findings.map((finding) => renderFinding(finding, canvas)).join('\n\n');

const list = (head: string, lines: string[], canvas: Canvas): string =>
  lines.length === 0
    ? ''
    : [paint(canvas, 'bold', head), ...lines.map((line) => wrapText(say(canvas, line), canvas, `  ${mark(canvas, 'bullet')} `, '    '))].join('\n');

/** What could not be checked: shown, because silence is never health. */
export const renderNotChecked = (notChecked: string[], canvas: Canvas): string => list('Not checked:', notChecked, canvas);

/** Where the model was wrong: no fault of the cluster, but the reader should know what the report stands on. */
export const renderDisagreements = (disagreements: string[], canvas: Canvas): string =>
  list('Predicted otherwise (what the packets did counts):', disagreements, canvas);

/** Commands are never wrapped: they are to be copied. */
export const renderByHand = (commands: string[], canvas: Canvas): string =>
  commands.length === 0
    ? ''
    : [
        paint(canvas, 'bold', 'To see it by hand, while the question is asked again:'),
        ...commands.map((command) => `  ${paint(canvas, 'cyan', say(canvas, command))}`),
      ].join('\n');
