import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { findSubjects, nameOf } from './cluster.ts';
import { netdoctor } from './netdoctor.ts';

/** The parts of a document that a replay cannot repeat. */
const judged = (text: string): unknown => ({ ...(JSON.parse(text) as object), timings: undefined });

describe('a bundle', function () {
  this.timeout(60_000);
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'netdoctor-e2e-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it('is judged offline to the very report of the live run', async () => {
    const { client, server } = await findSubjects();
    const file = join(directory, 'run.tgz');
    const live = await netdoctor(['path', nameOf(client), nameOf(server), '--save', file, '-o', 'json']);
    const offline = await netdoctor(['path', '--from', file, '-o', 'json'], { KUBECONFIG: '/nonexistent' });
    expect(offline.stderr).to.equal('');
    expect(judged(offline.stdout)).to.deep.equal(judged(live.stdout));
    expect((await stat(file)).size).to.be.lessThan(1024 * 1024);
  });

  it('of path answers veth, too', async () => {
    const file = join(directory, 'run.tgz');
    const { stdout, exitCode } = await netdoctor(['veth', '--from', file, '-A', '-o', 'json'], { KUBECONFIG: '/nonexistent' });
    expect(exitCode).to.equal(0);
    const { rows } = JSON.parse(stdout) as { rows: { attachment?: object }[] };
    expect(rows.filter(({ attachment }) => attachment !== undefined).length).to.be.greaterThan(1);
  });

  it('that cannot be written is said before anything is done', async () => {
    const { exitCode, stderr } = await netdoctor(['path', 'a', 'b', '--save', join(directory, 'no', 'such', 'directory.tgz')]);
    expect({ exitCode, stderr }).to.deep.equal({
      exitCode: 2,
      stderr: `error: cannot write ${join(directory, 'no', 'such', 'directory.tgz')}: no such file or directory`,
    });
  });
});
