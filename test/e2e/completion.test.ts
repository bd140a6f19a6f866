import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { findSubjects, type Pod } from './cluster.ts';
import { netdoctor } from './netdoctor.ts';

const main = join(import.meta.dirname, '..', '..', 'build', 'main.cjs');

describe('completion by kubectl', () => {
  let directory: string;
  let pod: Pod;
  before(async () => {
    pod = (await findSubjects()).client;
    directory = await mkdtemp(join(tmpdir(), 'netdoctor-completion-'));
    await writeFile(join(directory, 'kubectl-netdoctor'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 });
    await writeFile(join(directory, 'kubectl_complete-netdoctor'), (await netdoctor(['completion'])).stdout, { mode: 0o755 });
  });
  after(() => rm(directory, { recursive: true }));

  /** What the shell's completion script reads: candidates, then the directive. */
  const complete = async (args: string[]): Promise<string[]> => {
    const { stdout } = await execa('kubectl', ['__complete', 'netdoctor', ...args], {
      env: { PATH: `${directory}${delimiter}${process.env.PATH}` },
      stdin: 'ignore',
      timeout: 20_000,
      lines: true,
    });
    return stdout.map((line) => line.split('\t')[0] ?? '');
  };

  it('lists the commands', async () => expect(await complete([''])).to.include.members(['path', 'veth', ':4']));

  it('finds a pod of the namespace asked for', async () => {
    const { namespace, name } = pod.metadata;
    const lines = await complete(['path', '-n', namespace, name.slice(0, -1)]);
    expect(lines).to.include(name);
    expect(lines.at(-1)).to.equal(':4');
  });

  it('finds a pod by its namespace', async () => {
    const { namespace, name } = pod.metadata;
    expect(await complete(['path', `${namespace}/${name.slice(0, -1)}`])).to.include(`${namespace}/${name}`);
  });

  it('finds nodes', async () => expect(await complete(['veth', '--node', ''])).to.include(pod.spec.nodeName));

  it('completes behind an equals sign', async () => expect(await complete(['path', '--output=y'])).to.deep.equal(['yaml', ':4']));

  it('leaves files to the shell', async () => expect(await complete(['path', '--save', ''])).to.deep.equal([':0']));
});
