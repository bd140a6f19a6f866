import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';

const shipped = join(import.meta.dirname, '../../../scripts/shipped');

describe('launcher', () => {
  let directory: string;
  let store: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'netdoctor launcher '));
    store = join(directory, 'store/netdoctor/v1');
    await mkdir(store, { recursive: true });
    await mkdir(join(directory, 'bin'));
    await copyFile(join(shipped, 'kubectl-netdoctor'), join(store, 'kubectl-netdoctor'));
    await writeFile(join(store, 'node'), `#!/bin/sh\nprintf '%s\\n' "$@" "options=\${NODE_OPTIONS-unset} path=\${NODE_PATH-unset}"\nexit 7\n`);
    await chmod(join(store, 'node'), 0o755);
    await symlink(join(store, 'kubectl-netdoctor'), join(directory, 'bin/absolute'));
    await symlink('../store/netdoctor/v1/kubectl-netdoctor', join(directory, 'bin/relative'));
    await symlink('relative', join(directory, 'bin/chained'));
  });

  after(() => rm(directory, { recursive: true }));

  for (const link of ['absolute', 'relative', 'chained']) {
    it(`finds the Node beside it through a link that is ${link}, with all words and the exit code`, async () => {
      const { stdout, exitCode } = await execa(join(directory, 'bin', link), ['path', 'a b', '', '*'], { reject: false });
      expect(stdout.split('\n').slice(1, 5)).to.deep.equal(['path', 'a b', '', '*']);
      expect(stdout.split('\n')[0]).to.match(/\/start\.cjs$/);
      expect(exitCode).to.equal(7);
    });
  }

  it('is found in the PATH', async () => {
    const { stdout } = await execa('absolute', ['x'], { reject: false, env: { PATH: `${join(directory, 'bin')}:${process.env.PATH}` } });
    expect(stdout).to.include(`${store}/start.cjs\nx\n`);
  });

  it("keeps the user's Node settings out", async () => {
    const { stdout } = await execa(join(store, 'kubectl-netdoctor'), [], {
      reject: false,
      env: { NODE_OPTIONS: '--require=/nowhere.cjs', NODE_PATH: '/nowhere' },
    });
    expect(stdout).to.include('options=unset path=unset');
  });
});
