import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheRoot } from './cache.ts';
import { step } from './clock.ts';
import { lockFile, withLock } from './lock.ts';

/** What is built from one go.mod: packages by the name that their program gets. */
interface Part {
  readonly name: string;
  readonly programs: Readonly<Record<string, string>>;
  readonly cgo?: true;
  /** Variables set by the linker, such as the version that a program reports. */
  readonly set?: Readonly<Record<string, string>>;
}

const version = 'k8s.io/component-base/version';

const kubernetesPrograms = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kubelet', 'kubectl'];

export const parts: readonly Part[] = [
  {
    name: 'kubernetes',
    programs: Object.fromEntries(kubernetesPrograms.map((program) => [program, `k8s.io/kubernetes/cmd/${program}`])),
    set: {
      [`${version}.gitVersion`]: 'v1.36.3',
      [`${version}.gitMajor`]: '1',
      [`${version}.gitMinor`]: '36',
      [`${version}.gitTreeState`]: 'clean',
    },
  },
  { name: 'etcd', programs: { etcd: 'go.etcd.io/etcd/server/v3' } },
  {
    name: 'containerd',
    programs: Object.fromEntries(
      ['containerd', 'containerd-shim-runc-v2', 'ctr'].map((program) => [program, `github.com/containerd/containerd/v2/cmd/${program}`]),
    ),
  },
  {
    name: 'flannel',
    programs: { flanneld: 'github.com/flannel-io/flannel' },
    cgo: true,
    set: { 'github.com/flannel-io/flannel/pkg/version.Version': 'v0.28.4' },
  },
  { name: 'flannel-cni', programs: { flannel: '.' } },
  { name: 'coredns', programs: { coredns: 'github.com/coredns/coredns' } },
  { name: 'responder', programs: { responder: '.' } },
  { name: 'krew', programs: { krew: 'sigs.k8s.io/krew/cmd/krew', 'validate-krew-manifest': 'sigs.k8s.io/krew/cmd/validate-krew-manifest' } },
];

const sources = (part: Part): string => join(import.meta.dirname, 'parts', part.name);

const environment = (part: Part): Readonly<Record<string, string>> => ({
  CGO_ENABLED: part.cgo ? '1' : '0',
  GOFLAGS: '-mod=readonly',
  GOTOOLCHAIN: 'local',
});

const linkerFlags = (part: Part): string => ['-s', '-w', ...Object.entries(part.set ?? {}).map(([name, value]) => `-X ${name}=${value}`)].join(' ');

/** The same key means the same programs: pinned sources, recipe, compiler and architecture. */
const keyOf = async (part: Part, compiler: string): Promise<string> => {
  const hash = createHash('sha256').update(JSON.stringify([part, linkerFlags(part), environment(part), compiler, process.arch]));
  for (const file of (await readdir(sources(part))).sort()) hash.update(`${file}\0`).update(await readFile(join(sources(part), file)));
  return hash.digest('hex').slice(0, 16);
};

interface Manifest {
  readonly [program: string]: { readonly size: number; readonly sha256: string };
}

const sha256 = async (file: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
};

/** Sizes catch a half-written cache in no time; `thorough` reads every byte. */
const isWhole = async (directory: string, thorough: boolean): Promise<boolean> => {
  try {
    const manifest = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8')) as Manifest;
    for (const [program, expected] of Object.entries(manifest)) {
      const file = join(directory, program);
      if ((await stat(file)).size !== expected.size) return false;
      if (thorough && (await sha256(file)) !== expected.sha256) return false;
    }
    return true;
  } catch {
    return false;
  }
};

/** Builds beside the final place and renames, so that a cache entry is there whole or not at all. */
const build = async (part: Part, directory: string): Promise<void> => {
  const temporary = await mkdtemp(`${directory}.`);
  try {
    const manifest: Record<string, Manifest[string]> = {};
    for (const [program, source] of Object.entries(part.programs)) {
      const file = join(temporary, program);
      await execa('go', ['build', '-trimpath', '-buildvcs=false', `-ldflags=${linkerFlags(part)}`, '-o', file, source], {
        cwd: sources(part),
        env: environment(part),
      });
      manifest[program] = { size: (await stat(file)).size, sha256: await sha256(file) };
    }
    await writeFile(join(temporary, 'manifest.json'), JSON.stringify(manifest, null, 2));
    await rm(directory, { recursive: true, force: true });
    await rename(temporary, directory);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
};

export interface Parts {
  readonly cache: string;
  readonly directories: readonly string[];
  /** A PATH with every built program first. */
  readonly path: string;
  readonly program: (name: string) => string;
  /** Changes when any program changes. */
  readonly key: string;
}

export const buildParts = async ({ verify = false } = {}): Promise<Parts> => {
  const cache = cacheRoot();
  await mkdir(cache, { recursive: true });
  const compiler = (await execa('go', ['env', 'GOVERSION'])).stdout;
  const directories = await withLock(lockFile('build'), async () => {
    const built: string[] = [];
    for (const part of parts) {
      const directory = join(cache, `${part.name}-${await keyOf(part, compiler)}`);
      if (!(await isWhole(directory, verify))) await step(`built ${part.name}`, () => build(part, directory));
      built.push(directory);
    }
    return built;
  });
  return {
    cache,
    directories,
    path: [...directories, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':'),
    program: (name) => {
      const found = directories.map((directory) => join(directory, name)).find((file) => existsSync(file));
      if (!found) throw new Error(`no part builds ${name}`);
      return found;
    },
    key: createHash('sha256').update(directories.join()).digest('hex').slice(0, 16),
  };
};
