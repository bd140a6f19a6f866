import { expect } from 'chai';
import { canvasFor } from '../../../src/cli/terminal.ts';

const terminal = { isTTY: true, columns: 120 };
const pipe = {};

describe('what a report may know of its reader', () => {
  it('colour only on a terminal', () => {
    expect(canvasFor(terminal, { TERM: 'xterm' }, 'auto').colour).to.equal(true);
    expect(canvasFor(pipe, { TERM: 'xterm' }, 'auto').colour).to.equal(false);
  });
  it('no colour when NO_COLOR is there, even empty', () =>
    expect(canvasFor(terminal, { TERM: 'xterm', NO_COLOR: '' }, 'auto').colour).to.equal(false));
  it('no colour on a dumb terminal', () => expect(canvasFor(terminal, { TERM: 'dumb' }, 'auto').colour).to.equal(false));
  it('--color=always and never overrule', () => {
    expect(canvasFor(pipe, { NO_COLOR: '1' }, 'always').colour).to.equal(true);
    expect(canvasFor(terminal, { TERM: 'xterm' }, 'never').colour).to.equal(false);
  });
  it('a pipe has no width, a terminal its own, COLUMNS the last word', () => {
    expect(canvasFor(pipe, { COLUMNS: '40' }, 'auto').columns).to.equal(0);
    expect(canvasFor(terminal, {}, 'auto').columns).to.equal(120);
    expect(canvasFor(terminal, { COLUMNS: '90' }, 'auto').columns).to.equal(90);
    expect(canvasFor(terminal, { COLUMNS: 'wide' }, 'auto').columns).to.equal(120);
  });
  it('plain marks where the locale or the console has no Unicode', () => {
    expect(canvasFor(terminal, { LANG: 'C' }, 'auto').unicode).to.equal(false);
    expect(canvasFor(terminal, { TERM: 'linux', LANG: 'C.UTF-8' }, 'auto').unicode).to.equal(false);
    expect(canvasFor(terminal, { LANG: 'de_DE.utf8' }, 'auto').unicode).to.equal(true);
    expect(canvasFor(terminal, {}, 'auto').unicode).to.equal(true);
  });
});
