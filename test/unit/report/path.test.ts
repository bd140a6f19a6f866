import { expect } from 'chai';
import stringWidth from 'string-width';
import type { Canvas } from '../../../src/report/canvas.ts';
import { renderJson, renderYaml } from '../../../src/report/data.ts';
import { lostAt, renderPath } from '../../../src/report/path.ts';
import type { PathReport } from '../../../src/report/report.ts';
import { matchSnapshot } from '../snapshot.ts';
import { lostInUnderlay } from './sample.ts';

const piped: Canvas = { columns: 0, colour: false, unicode: true };
const view = { wide: false, noHeaders: false };
// biome-ignore lint/complexity/useRegexLiterals: a literal would hold a raw escape character
const ansi = new RegExp('\\u001b\\[', 'u');

describe('the path report', () => {
  it('reads well in a wide terminal', () => matchSnapshot('report/path-200', renderPath(lostInUnderlay(), { ...piped, columns: 200 }, view)));

  it('reads well in 80 columns', () => matchSnapshot('report/path-80', renderPath(lostInUnderlay(), { ...piped, columns: 80 }, view)));

  it('wide output adds the packet', () => matchSnapshot('report/path-wide', renderPath(lostInUnderlay(), piped, { ...view, wide: true })));

  it('reads well without Unicode', () => {
    const text = renderPath(lostInUnderlay(), { ...piped, unicode: false }, view);
    expect([...text].filter((character) => (character.codePointAt(0) ?? 0) > 126)).to.deep.equal([]);
  });

  for (const columns of [80, 100, 132, 200]) {
    it(`keeps within ${columns} columns`, () => {
      const lines = renderPath(lostInUnderlay(), { ...piped, columns }, view).split('\n');
      expect(lines.filter((line) => stringWidth(line) > columns && !line.includes('$ '))).to.deep.equal([]);
    });
  }

  it('has no escape sequence without colour, and the same words with it', () => {
    const plain = renderPath(lostInUnderlay(), { ...piped, columns: 120 }, view);
    const coloured = renderPath(lostInUnderlay(), { ...piped, columns: 120, colour: true }, view);
    expect(plain).to.not.match(ansi);
    expect(coloured).to.match(ansi);
    // biome-ignore lint/complexity/useRegexLiterals: a literal would hold a raw escape character
    expect(coloured.replaceAll(new RegExp('\\u001b\\[[0-9;]*m', 'gu'), '').replaceAll(/ +$/gm, '')).to.equal(plain);
  });

  it('shows control characters from the cluster instead of obeying them', () => {
    const report = lostInUnderlay();
    const [first] = report.hops;
    if (first) first.interface = 'eth0\u001b[2J\r\u202e';
    const text = renderPath(report, piped, view);
    expect(text).to.not.match(ansi);
    expect(text).to.include('eth0^[[2J\\r\\u202e');
  });

  it('keeps what the kernel said of the drop within a narrow terminal', () => {
    const { hops, ...rest } = lostInUnderlay();
    const [first, ...others] = hops;
    if (!first) throw new Error('a report without hops');
    const dropped = { k: 5, n: 5, reason: 'NETFILTER_DROP', function: 'nft_do_chain', hook: 'FORWARD' } as const;
    const lines = renderPath({ ...rest, hops: [{ ...first, dropped }, ...others] }, { ...piped, columns: 80 }, view).split('\n');
    expect(lines.filter((line) => stringWidth(line) > 80 && !line.includes('$ '))).to.deep.equal([]);
    expect(lines.map((line) => line.trim()).join(' ')).to.include('dropped 5 of 5, NETFILTER_DROP in nft_do_chain at the FORWARD hook');
  });

  it('does not call it good when probes are answered and a problem is found all the same', () => {
    const { findings, ...rest } = lostInUnderlay();
    const verdict = (report: PathReport): string | undefined => /^. .* reaches .*$/m.exec(renderPath(report, piped, view))?.[0];
    expect(verdict({ ...rest, findings: [], verdict: 'healthy' })).to.match(/^✓ [^;]*\.$/);
    expect(verdict({ ...rest, findings, verdict: 'healthy' })).to.match(/^! .*; and yet a problem was found\.$/);
  });

  it('marks the first hop that saw fewer', () => {
    const { hops } = lostInUnderlay();
    expect(lostAt(hops)).to.equal(5);
    expect(lostAt(hops.slice(0, 5))).to.equal(undefined);
  });

  it('is one document in JSON and the same in YAML', async () => {
    const { parse } = await import('yaml');
    const json = JSON.parse(renderJson(lostInUnderlay()));
    expect(json).to.include({ apiVersion: 'netdoctor/v1alpha1', kind: 'PathReport' });
    expect(parse(renderYaml(lostInUnderlay()))).to.deep.equal(json);
  });
});
