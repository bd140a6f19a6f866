import { expect } from 'chai';
import stringWidth from 'string-width';
import type { Canvas } from '../../../src/report/canvas.ts';
import { assertJunit, assertTap, renderAssert } from '../../../src/report/policy/assert.ts';
import { renderDiff } from '../../../src/report/policy/diff.ts';
import { matrixCsv, matrixDot, matrixMermaid } from '../../../src/report/policy/graphs.ts';
import { renderMatrix } from '../../../src/report/policy/matrix.ts';
import { renderPolicy } from '../../../src/report/policy/pair.ts';
import { renderPolicyPod } from '../../../src/report/policy/pod.ts';
import type { PolicyMatrixReport } from '../../../src/report/policy/reports.ts';
import { matchSnapshot } from '../snapshot.ts';
import { deniedPair, onePod, someAssertions, someDiff, wholeMatrix } from './policy-sample.ts';

const piped: Canvas = { columns: 0, colour: false, unicode: true };
const view = { wide: false, noHeaders: false };

/** Every report as text, by name. */
const texts = async (canvas: Canvas): Promise<Record<string, string>> => ({
  pair: renderPolicy(await deniedPair(), canvas, view),
  pod: renderPolicyPod(await onePod(), canvas, view),
  matrix: renderMatrix(await wholeMatrix(), canvas, view),
  'matrix-wide': renderMatrix(await wholeMatrix(), canvas, { ...view, wide: true }),
  diff: renderDiff(await someDiff(), canvas, view),
  assert: renderAssert(await someAssertions(), canvas),
});

/** YAML to be copied is never wrapped, nor is a command. */
const mayBeLong = (line: string): boolean => line.includes('$ ') || line.startsWith('       ');

describe('a report on policies', () => {
  it('reads well', async () => {
    for (const [name, text] of Object.entries(await texts(piped))) matchSnapshot(`report/policy-${name}`, text);
  });

  it('says of a plugin that enforces nothing that it does not', async () => {
    const head = async (plugin?: string): Promise<string | undefined> => {
      const enforcement = { ...(plugin === undefined ? {} : { plugin }), signs: ['DaemonSet kube-system/net'] };
      return renderPolicy({ ...(await deniedPair()), enforcement }, piped, view).split('\n')[1];
    };
    expect(await head('flannel')).to.equal('flannel enforces no policies (DaemonSet kube-system/net)');
    expect(await head('calico')).to.equal('policies enforced by calico (DaemonSet kube-system/net)');
    expect(await head()).to.equal('who enforces policies here is not known (DaemonSet kube-system/net)');
  });

  it('reads well in 80 columns', async () => {
    for (const [name, text] of Object.entries(await texts({ ...piped, columns: 80 }))) matchSnapshot(`report/policy-${name}-80`, text);
  });

  for (const columns of [80, 100, 132]) {
    it(`keeps within ${columns} columns`, async () => {
      for (const [name, text] of Object.entries(await texts({ ...piped, columns })))
        expect(
          text.split('\n').filter((line) => stringWidth(line) > columns && !mayBeLong(line)),
          name,
        ).to.deep.equal([]);
    });
  }

  it('needs no Unicode', async () => {
    for (const [name, text] of Object.entries(await texts({ ...piped, unicode: false })))
      expect([...text].filter((character) => (character.codePointAt(0) ?? 0) > 126).join(''), name).to.equal('');
  });

  it('has the same words in colour', async () => {
    const [plain, coloured] = [await texts({ ...piped, columns: 120 }), await texts({ ...piped, columns: 120, colour: true })];
    for (const [name, text] of Object.entries(plain)) {
      expect(text).to.not.include('\u001b[');
      expect(coloured[name]).to.include('\u001b[');
      // biome-ignore lint/complexity/useRegexLiterals: a literal would hold a raw escape character
      expect(coloured[name]?.replaceAll(new RegExp('\\u001b\\[[0-9;]*m', 'gu'), '').replaceAll(/ +$/gm, '')).to.equal(text);
    }
  });
});

const hostile: PolicyMatrixReport = {
  kind: 'PolicyMatrixReport',
  time: '2026-01-02T03:04:05Z',
  enforcement: { signs: [] },
  groups: [
    { name: 'a, "b"', kind: 'pods', members: ['a, "b"'], pods: 1 },
    { name: '<c> #1', kind: 'pods', members: ['<c> #1'], pods: 1 },
  ],
  traffic: ['any', 'TCP 80,443'],
  cells: [
    [0, 1],
    [1, 0],
  ],
  findings: [],
  notChecked: [],
  timings: {},
};

describe('a matrix for other programs', () => {
  it('is CSV, DOT or Mermaid', async () => {
    const report = await wholeMatrix();
    matchSnapshot('report/policy-matrix-csv', [...matrixCsv(report)].join(''));
    matchSnapshot('report/policy-matrix-dot', matrixDot(report));
    matchSnapshot('report/policy-matrix-mermaid', matrixMermaid(report));
  });

  it('quotes what would end a field, a label or a text', () => {
    expect([...matrixCsv(hostile)].join('').split('\n')[2]).to.equal('"a, ""b""",<c> #1,"TCP 80,443"');
    expect(matrixDot(hostile)).to.include('[label="a, \\"b\\""]');
    expect(matrixMermaid(hostile)).to.include('g1["#lt;c#gt; #35;1"]').and.to.include('g0["a, #quot;b#quot;"]');
  });
});

describe('assertions for a CI server', () => {
  it('are TAP or JUnit', async () => {
    const report = await someAssertions();
    matchSnapshot('report/policy-assert-tap', assertTap(report));
    matchSnapshot('report/policy-assert-junit', assertJunit(report));
  });
});
