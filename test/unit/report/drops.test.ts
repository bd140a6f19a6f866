import { expect } from 'chai';
import stringWidth from 'string-width';
import type { Canvas } from '../../../src/report/canvas.ts';
import { renderDrops } from '../../../src/report/drops.ts';
import { matchSnapshot } from '../snapshot.ts';
import { busyNode } from './drops-sample.ts';

const piped: Canvas = { columns: 0, colour: false, unicode: true };
const view = { wide: false, noHeaders: false, all: false };

describe('the drops report', () => {
  it('reads well in a wide terminal', () => matchSnapshot('report/drops-200', renderDrops(busyNode(), { ...piped, columns: 200 }, view)));

  it('reads well in 80 columns', () => matchSnapshot('report/drops-80', renderDrops(busyNode(), { ...piped, columns: 80 }, view)));

  it("shows the kernel's own words and what is harmless when asked", () =>
    matchSnapshot('report/drops-wide', renderDrops(busyNode(), piped, { ...view, wide: true, all: true })));

  for (const columns of [80, 100, 132, 200]) {
    it(`keeps within ${columns} columns`, () => {
      const lines = renderDrops(busyNode(), { ...piped, columns }, { ...view, all: true }).split('\n');
      expect(lines.filter((line) => stringWidth(line) > columns && !line.includes('$ '))).to.deep.equal([]);
    });
  }

  it('says of a healthy node that nothing matters', () => {
    const report = busyNode();
    const text = renderDrops({ ...report, rows: report.rows.slice(3), findings: [], notChecked: [] }, piped, view);
    expect(text).to.include('✓ nothing that matters is dropped on node2 in 10.2 s.').and.include('9 harmless drops').and.not.include('ip6_mc_input');
  });

  it('says that it saw nothing, where the kernel could not be asked', () =>
    expect(renderDrops({ ...busyNode(), rows: [], findings: [], seconds: 0 }, piped, view)).to.include('! what node2 drops could not be seen.'));

  it('is plain where the console has no Unicode', () => {
    const text = renderDrops(busyNode(), { ...piped, unicode: false }, { ...view, all: true });
    expect([...text].filter((character) => (character.codePointAt(0) ?? 0) > 126)).to.deep.equal([]);
  });
});
