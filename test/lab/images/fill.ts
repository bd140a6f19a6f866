import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { Parts } from '../parts.ts';

/** Steps that fill an image's root directory with what this machine has. */
export type Fill = (root: string) => Promise<void>;

export const which = async (program: string): Promise<string> => (await execa('which', [program])).stdout;

/** The shared objects of a program as ldd(1) resolves them here, its loader included. */
export const libraries = async (program: string): Promise<readonly string[]> =>
  (await execa('ldd', [program], { reject: false })).stdout.split('\n').flatMap((line) => /(\/\S+) \(0x/.exec(line)?.[1] ?? []);

export const copyTo = async (root: string, source: string, target = source): Promise<void> => {
  await mkdir(dirname(join(root, target)), { recursive: true });
  await cp(source, join(root, target), { dereference: true, recursive: true });
};

/** The image's own user-space packet tools are this machine's, with the libraries and modules that they load. */
export const addPacketTools = async (root: string): Promise<void> => {
  const tools = await Promise.all(['xtables-nft-multi', 'xtables-legacy-multi', 'ipset', 'nft', 'conntrack', 'ip', 'sysctl'].map(which));
  const modules = (await execa('find', ['/usr/lib', '-path', '/usr/lib/*/xtables/*.so'])).stdout.split('\n').filter(Boolean);
  const shared = new Set((await Promise.all([...tools, ...modules].map(libraries))).flat());
  for (const file of [...tools, ...modules, ...shared]) await copyTo(root, file);
  for (const family of ['iptables', 'ip6tables'])
    for (const suffix of ['', '-save', '-restore']) await symlink('xtables-nft-multi', join(root, 'usr/sbin', `${family}${suffix}`));
  await mkdir(join(root, 'etc'), { recursive: true });
  for (const table of ['/etc/protocols', '/etc/services']) await copyTo(root, table);
};

export const addBusybox = async (root: string): Promise<void> => {
  await copyTo(root, await which('busybox'), '/bin/busybox');
  const { stdout } = await execa('busybox', ['--list']);
  for (const applet of stdout.split('\n')) if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet)).catch(() => undefined);
};

export const librariesOf = (parts: Parts, name: string) => async (root: string) => {
  for (const file of await libraries(parts.program(name))) await copyTo(root, file);
};

/** Debian merged /bin and /lib into /usr; what ldd names by its old path has to be found there too. */
export const mergedUsr = async (root: string): Promise<void> => {
  await mkdir(join(root, 'usr/lib'), { recursive: true });
  await mkdir(join(root, 'usr/lib64'), { recursive: true });
  await mkdir(join(root, 'usr/sbin'), { recursive: true });
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  for (const name of ['lib', 'lib64', 'sbin', 'bin']) await symlink(`usr/${name}`, join(root, name));
};

export const emptyDirectories = async (root: string): Promise<void> => {
  for (const directory of ['tmp', 'etc', 'run', 'var/lib']) await mkdir(join(root, directory), { recursive: true });
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
};

export const program = (parts: Parts, name: string, target: string) => async (root: string) => copyTo(root, parts.program(name), target);

export const all =
  (...steps: readonly Fill[]): Fill =>
  async (root) => {
    for (const step of steps) await step(root);
  };
