import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';

const shipped = join(import.meta.dirname, '../../../scripts/shipped');

const program = `
const { basename } = require('node:path');
console.log(basename(__filename), process.argv.slice(2).join(), require.main === module);
void import('node:os').then(({ EOL }) => console.log(EOL === '\\n', process.argv[1] === __filename));
`;

describe('start from the code cache', () => {
  let directory: string;
  const node = (args: string[]) => execa(process.execPath, args, { cwd: directory, lines: true });
  const start = async () => (await node([join(directory, 'start.cjs'), 'a', 'b'])).stdout;
  const warm = () => node(['--predictable', join(shipped, 'warm.cjs'), directory, 'a', 'b']);
  const refused = async () =>
    (await node(['-p', "const { cache, compile } = require('./start.cjs'); compile(require('node:fs').readFileSync(cache)).cachedDataRejected"]))
      .stdout[0];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'netdoctor-start-'));
    await copyFile(join(shipped, 'start.cjs'), join(directory, 'start.cjs'));
    await writeFile(join(directory, 'main.cjs'), program);
  });

  afterEach(() => rm(directory, { recursive: true }));

  const ran = ['main.cjs a,b true', 'true true'];

  it('runs without a cache', async () => expect(await start()).to.deep.equal(ran));

  it('runs from a cache that V8 takes', async () => {
    await warm();
    expect(await refused()).to.equal('false');
    expect(await start()).to.deep.equal(ran);
  });

  it('runs with a cache that is broken', async () => {
    await writeFile(join(directory, 'main.cjs.cache'), 'no cache');
    expect(await refused()).to.equal('true');
    expect(await start()).to.deep.equal(ran);
  });

  it('runs with the cache of another program', async () => {
    await warm();
    await writeFile(join(directory, 'main.cjs'), `${program}\n// a release later`);
    expect(await refused()).to.equal('true');
    expect(await start()).to.deep.equal(ran);
  });

  it('has the same cache whenever it is made, without the path where it was', async () => {
    const made = async () => {
      await warm();
      return readFile(join(directory, 'main.cjs.cache'));
    };
    const first = await made();
    expect(await made()).to.deep.equal(first);
    expect(first.includes(directory)).to.equal(false);
  });
});
