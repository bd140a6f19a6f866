/**
 * `make dist`: dist/kubectl-netdoctor_VERSION_OS_ARCH.tar.gz for this machine's platform and dist/netdoctor.yaml, with which
 * krew installs it. Takes build/main.cjs as `make build` left it.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { archive } from './archive.ts';
import { renderManifest } from './krew-manifest.ts';
import { pinnedNode } from './pinned-node.ts';

const root = join(import.meta.dirname, '..');
process.chdir(root);

const architectures: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

const thisPlatform = (): string => {
  const arch = architectures[process.arch];
  if (process.platform === 'win32' || !arch) throw new Error(`make dist knows no archive for ${process.platform} on ${process.arch}`);
  return `${process.platform}_${arch}`;
};

/** The symbols of a linux Node are 18 MB of nothing for users. Elsewhere they belong to what is signed. */
const strip = async (program: string): Promise<void> => {
  if (process.platform !== 'linux') return;
  const { failed } = await execa('strip', [program], { reject: false });
  if (failed) process.stderr.write('no working strip here: the archive gets Node as it is, which only makes it larger\n');
};

/** What V8 compiles for the words most people start with; with the demo's recording that is nearly the whole program. */
const warmingWords = (): string[] => {
  const recording = 'demo/flannel-vxlan-blocked.tgz';
  return existsSync(recording) ? ['path', '--from', recording] : ['version'];
};

const stage = async (directory: string): Promise<void> => {
  const at = (name: string) => join(directory, name);
  await copyFile('scripts/shipped/kubectl-netdoctor', at('kubectl-netdoctor'));
  await copyFile('scripts/shipped/start.cjs', at('start.cjs'));
  await copyFile('build/main.cjs', at('main.cjs'));
  await copyFile('build/THIRD-PARTY', at('THIRD-PARTY'));
  await copyFile('LICENSE', at('LICENSE'));
  await copyFile(pinnedNode().program, at('node'));
  await strip(at('node'));
  // predictable: the same bytes from the same run, without V8 refusing them later as it does with other such flags;
  // exit code 1 says that the recording shows a problem
  const { exitCode, stderr } = await execa(at('node'), ['--predictable', 'scripts/shipped/warm.cjs', directory, ...warmingWords()], {
    reject: false,
    stdin: 'ignore',
  });
  if ((exitCode ?? 2) > 1) throw new Error(`netdoctor ${warmingWords().join(' ')} ended with ${exitCode}: ${stderr}`);
};

const members = ['kubectl-netdoctor', 'LICENSE', 'main.cjs', 'main.cjs.cache', 'node', 'start.cjs', 'THIRD-PARTY'];
const executables = new Set(['kubectl-netdoctor', 'node']);

const directory = await mkdtemp(join(tmpdir(), 'netdoctor-dist-'));
try {
  await stage(directory);
  const read = async (name: string) => ({
    name,
    content: await readFile(join(directory, name)),
    ...(executables.has(name) && { executable: true as const }),
  });
  const content = await archive(await Promise.all(members.map(read)));

  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const file = `kubectl-netdoctor_${version}_${thisPlatform()}.tar.gz`;
  await mkdir('dist', { recursive: true });
  await writeFile(join('dist', file), content);
  const template = await readFile('krew-manifest.yaml', 'utf8');
  await writeFile(
    'dist/netdoctor.yaml',
    renderManifest(template, (name) => (name === file ? content : undefined)),
  );
  process.stdout.write(`dist/${file}  ${(content.length / 2 ** 20).toFixed(1)} MiB\ndist/netdoctor.yaml\n`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
