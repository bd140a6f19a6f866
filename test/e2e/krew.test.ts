import { existsSync, globSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { parse, stringify } from 'yaml';
import { archiveName, type Manifest } from '../../scripts/krew-manifest.ts';
import type { VethReport } from '../../src/report/report.ts';
import { cacheRoot } from '../lab/cache.ts';

const root = join(import.meta.dirname, '../..');

/** A program that the lab built, or else the machine's own. */
const find = (program: string): string | undefined =>
  [
    ...(process.env.NETDOCTOR_KREW_BIN ? [process.env.NETDOCTOR_KREW_BIN] : []),
    ...globSync(join(cacheRoot(), '*-????????????????')),
    ...(process.env.PATH ?? '').split(':'),
  ]
    .map((directory) => join(directory, program))
    .find((file) => existsSync(file));

const programs = { krew: find('krew'), validate: find('validate-krew-manifest'), kubectl: find('kubectl') };

describe('krew', function () {
  this.timeout(120_000);

  let directory: string;
  let environment: { PATH: string; KREW_ROOT: string; KUBECONFIG: string };
  let manifest: Manifest;
  let server: Server;

  const run = (command: string, args: string[], env: NodeJS.ProcessEnv = {}) =>
    execa(command, args, { env: { ...environment, ...env }, stdin: 'ignore', reject: false, timeout: 60_000 });

  const kubectl = (args: string[], env?: NodeJS.ProcessEnv) => run(programs.kubectl ?? 'kubectl', args, env);

  before(async function () {
    for (const [program, file] of Object.entries(programs)) {
      if (file) continue;
      console.warn(`      no ${program} here: build the lab's parts, or name a directory in NETDOCTOR_KREW_BIN`);
      this.skip();
    }
    await execa(process.execPath, ['scripts/dist.ts'], { cwd: root });
    manifest = parse(await readFile(join(root, 'dist/netdoctor.yaml'), 'utf8'));
    directory = await mkdtemp(join(tmpdir(), 'netdoctor-krew-'));
    const bin = join(directory, 'bin');
    await mkdir(bin);
    // validate-krew-manifest runs `kubectl krew`
    await symlink(programs.krew as string, join(bin, 'kubectl-krew'));
    await symlink(programs.kubectl as string, join(bin, 'kubectl'));
    environment = {
      KREW_ROOT: join(directory, 'krew'),
      PATH: `${join(directory, 'krew/bin')}:${bin}:${process.env.PATH}`,
      KUBECONFIG: process.env.KUBECONFIG ?? join(directory, 'no-kubeconfig'),
    };
    server = createServer((request, response) => {
      readFile(join(root, 'dist', (request.url ?? '').slice(1))).then(
        (content) => response.end(content),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  after(async () => {
    server?.close();
    if (directory) await rm(directory, { recursive: true, force: true });
  });

  it('accepts the manifest and installs every platform of it', async () => {
    // the release does not exist yet: the same manifest, with the archive served from here
    const { port } = server.address() as AddressInfo;
    for (const platform of manifest.spec.platforms) platform.uri = `http://127.0.0.1:${port}/${archiveName(platform)}`;
    const file = join(directory, 'netdoctor.yaml');
    await writeFile(file, stringify(manifest));
    const { exitCode, stderr } = await run(programs.validate as string, ['-manifest', file]);
    expect(exitCode, stderr).to.equal(0);
    expect(stderr).to.include(`all ${manifest.spec.platforms.length} spec.platforms installed fine`);
  });

  it('installs from the archive', async () => {
    const archive = join(root, 'dist', archiveName(manifest.spec.platforms[0] as Manifest['spec']['platforms'][number]));
    const { exitCode, stderr } = await kubectl(['krew', 'install', `--manifest=${join(root, 'dist/netdoctor.yaml')}`, `--archive=${archive}`]);
    expect(exitCode, stderr).to.equal(0);
    expect(stderr).to.include('Installed plugin: netdoctor');
  });

  it('lets kubectl run it, with hostile Node settings around', async () => {
    const { exitCode, stdout, stderr } = await kubectl(['netdoctor', 'version'], { NODE_OPTIONS: '--require=/nowhere.cjs' });
    expect(exitCode, stderr).to.equal(0);
    expect(stdout).to.include(manifest.spec.version.slice(1));
    expect(stderr).to.equal('');
  });

  it('lets kubectl see its exit code', async () => {
    const { exitCode } = await kubectl(['netdoctor', 'no-such-command']);
    expect(exitCode).to.be.at.least(2);
  });

  it('shows the veths of a live cluster', async function () {
    if (!process.env.KUBECONFIG) return this.skip();
    const { stdout, stderr } = await kubectl(['netdoctor', 'veth', '-A', '-o', 'json']);
    expect(stdout, stderr).not.to.equal('');
    const report = JSON.parse(stdout) as VethReport;
    expect(report).to.include({ kind: 'VethReport' });
    expect(report.rows).not.to.deep.equal([]);
  });
});
