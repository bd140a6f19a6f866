import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { StockKernel } from './kernels.ts';

/** What a guest boots. */
export interface UnpackedKernel {
  /** `6.1.0-56-cloud-amd64` */
  release: string;
  image: string;
  /** Holds `lib/modules/RELEASE`. */
  modules: string;
}

/** Where this machine takes its Debian packages from, the suite's name left out. */
const repositories = async (): Promise<{ main: string; security: string }> => {
  const { stdout } = await execa('apt-get', ['indextargets', '--format', '$(REPO_URI) $(CODENAME)', 'Created-By: Packages']);
  const lines = stdout.split('\n').map((line) => line.split(' '));
  const uri = (wanted: RegExp): string | undefined => lines.find(([, codename = '']) => wanted.test(codename))?.[0];
  const main = uri(/^[a-z]+$/);
  const security = uri(/^[a-z]+-security$/);
  if (!main || !security) throw new Error('this machine has no Debian package source, or apt-get update was never run');
  return { main, security };
};

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** apt with a state of its own: the machine's package lists and sources stay as they are. */
const aptOptions = async (directory: string, suite: string): Promise<string[]> => {
  const { main, security } = await repositories();
  for (const part of ['lists/partial', 'archives/partial']) await mkdir(join(directory, part), { recursive: true });
  const lines = [
    [main, suite],
    [security, `${suite}-security`],
  ].map(([uri, name]) => `deb [signed-by=${KEYRING}] ${uri} ${name} main\n`);
  await writeFile(join(directory, 'sources.list'), lines.join(''));
  return Object.entries({
    'Dir::State::lists': join(directory, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': directory,
    'Dir::Cache::archives': join(directory, 'archives'),
    'Dir::Etc::sourcelist': join(directory, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    // what is downloaded lies in a directory of root's
    'APT::Sandbox::User': 'root',
  }).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
};

/** The package that the meta package of a kernel depends on now. */
const newest = async (options: string[], meta: string): Promise<string> => {
  const { stdout } = await execa('apt-cache', [...options, 'depends', meta]);
  const found = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (!found) throw new Error(`${meta} depends on no kernel`);
  return found;
};

const unpacked = async (directory: string): Promise<UnpackedKernel | undefined> => {
  const [release] = await readdir(join(directory, 'lib/modules')).catch(() => []);
  return release === undefined ? undefined : { release, image: join(directory, `boot/vmlinuz-${release}`), modules: directory };
};

/** Downloads and unpacks a kernel once; an entry of the cache is there whole or not at all. */
export const fetchKernel = async (kernel: StockKernel, cache: string): Promise<UnpackedKernel> => {
  const directory = join(cache, kernel.name);
  const known = await unpacked(directory);
  if (known) return known;
  const work = join(cache, `${kernel.name}.new`);
  await rm(work, { recursive: true, force: true });
  const options = await aptOptions(join(work, 'apt'), kernel.suite);
  await execa('apt-get', [...options, '-qq', 'update']);
  await execa('apt-get', [...options, '-qq', 'download', await newest(options, kernel.package)], { cwd: work });
  const archive = (await readdir(work)).find((name) => name.endsWith('.deb'));
  if (!archive) throw new Error(`nothing was downloaded for kernel ${kernel.name}`);
  const root = join(work, 'root');
  await execa('dpkg-deb', ['-x', join(work, archive), root]);
  await execa('find', [root, '-name', '*.ko.xz', '-exec', 'unxz', '{}', '+']);
  const found = await unpacked(root);
  if (!found) throw new Error(`${archive} holds no kernel`);
  await execa('busybox', ['depmod', '-b', root, found.release]);
  await rename(root, directory);
  await rm(work, { recursive: true });
  return { release: found.release, image: join(directory, `boot/vmlinuz-${found.release}`), modules: directory };
};
