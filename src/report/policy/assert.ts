import { packetText } from '../../policy/words.ts';
import { type Canvas, mark, paint } from '../canvas.ts';
import { renderFindings, renderNotChecked } from '../findings.ts';
import { wrapText } from '../table.ts';
import { enforcementLine, head, plural, say, sections, verdictLine } from './common.ts';
import type { AssertionReport, PolicyAssertReport } from './reports.ts';

const GOT: Record<AssertionReport['got'], string> = {
  allow: 'allowed',
  deny: 'denied',
  mixed: 'allowed for some and denied for others',
  unknown: 'could not be told',
};

const heading = ({ name, from, to, protocol, port }: AssertionReport): string => {
  const packet = packetText({ protocol, ...(port === undefined ? {} : { port }) });
  return name.startsWith(`${from} → ${to}`) ? `${from} → ${to} ${packet}` : `${name}: ${from} → ${to} ${packet}`;
};

const renderOne = (one: AssertionReport, { file }: PolicyAssertReport, canvas: Canvas): string => {
  const line = paint(
    canvas,
    one.pass ? 'green' : 'red',
    wrapText(
      say(canvas, `${mark(canvas, one.pass ? 'good' : 'bad')} ${heading(one)}: ${GOT[one.got]}${one.pass ? '' : `, expected ${GOT[one.expect]}`}`),
      canvas,
      '',
      '  ',
    ),
  );
  if (one.pass) return line;
  return [
    line,
    ...one.why.map((why) => wrapText(say(canvas, why), canvas, `  ${mark(canvas, 'bullet')} `, '    ')),
    wrapText(say(canvas, `${file}:${one.line}`), canvas, `  ${mark(canvas, 'bullet')} `, '    '),
  ].join('\n');
};

/** `policy --assert` as text. */
export const renderAssert = (report: PolicyAssertReport, canvas: Canvas): string => {
  const missed = report.assertions.filter(({ pass }) => !pass).length;
  const { length } = report.assertions;
  return sections([
    [
      head(`${report.file}: ${plural(length, 'assertion')}, by ${report.by === 'probes' ? 'probes' : 'the policies alone'}`, canvas),
      enforcementLine(report.enforcement, canvas),
    ].join('\n'),
    report.assertions.map((one) => renderOne(one, report, canvas)).join('\n'),
    missed === 0
      ? verdictLine('good', `${length === 1 ? 'It holds' : `All ${length} hold`}.`, canvas)
      : verdictLine('bad', `${missed} of ${length} ${missed === 1 ? 'does' : 'do'} not hold.`, canvas),
    renderFindings(report.findings, canvas),
    renderNotChecked(report.notChecked, canvas),
  ]);
};

/** `#` begins a directive in a description (TAP 14, escaping). */
const tapText = (text: string): string =>
  text
    .replaceAll('\\', '\\\\')
    .replaceAll('#', '\\#')
    .replaceAll(/[\r\n]+/g, ' ');

const yamlText = (text: string): string => JSON.stringify(text);

/** Test Anything Protocol, version 14. */
export const assertTap = ({ assertions }: PolicyAssertReport): string =>
  [
    'TAP version 14',
    `1..${assertions.length}`,
    ...assertions.flatMap((one, index) => [
      `${one.pass ? 'ok' : 'not ok'} ${index + 1} - ${tapText(heading(one))}`,
      ...(one.pass
        ? []
        : [
            '  ---',
            `  expected: ${one.expect}`,
            `  got: ${one.got}`,
            `  line: ${one.line}`,
            '  why:',
            ...one.why.map((why) => `    - ${yamlText(why)}`),
            '  ...',
          ]),
    ]),
    '',
  ].join('\n');

/** XML 1.0 has no way to write most control characters. */
const xmlText = (text: string): string =>
  text
    .replaceAll(/[\p{Cc}]/gu, (character) => (character === '\n' || character === '\t' ? character : '\uFFFD'))
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** JUnit's XML, as CI servers read it. */
export const assertJunit = ({ file, assertions }: PolicyAssertReport): string => {
  const failed = assertions.filter(({ pass, got }) => !pass && got !== 'unknown').length;
  const errors = assertions.filter(({ pass, got }) => !pass && got === 'unknown').length;
  const counts = `tests="${assertions.length}" failures="${failed}" errors="${errors}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${xmlText(file)}" ${counts}>`,
    ...assertions.flatMap((one) => {
      const open = `    <testcase classname="${xmlText(file)}" name="${xmlText(heading(one))}" file="${xmlText(file)}" line="${one.line}"`;
      if (one.pass) return [`${open}/>`];
      const tag = one.got === 'unknown' ? 'error' : 'failure';
      return [
        `${open}>`,
        `      <${tag} message="${xmlText(`${GOT[one.got]}, expected ${GOT[one.expect]}`)}">${xmlText(one.why.join('\n'))}</${tag}>`,
        '    </testcase>',
      ];
    }),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
};
