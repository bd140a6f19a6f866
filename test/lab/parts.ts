import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheRoot } from './cache.ts';
import { step } from './clock.ts';
import { lockFile, withLock } from './lock.ts';
import { type Backend, type Enforcing, enforcing } from './options.ts';

/** What is built from one go.mod: packages by the name that their program gets. */
interface Part {
  readonly name: string;
  readonly programs: Readonly<Record<string, string>>;
  readonly cgo?: true;
  /** Build tags, by program. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Built only for labs with this backend. */
  readonly only?: Enforcing;
  /** Variables set by the linker, such as the version that a program reports. */
  readonly set?: Readonly<Record<string, string>>;
}

const version = 'k8s.io/component-base/version';

const cilium = 'github.com/cilium/cilium';

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
  { name: 'felix', programs: { 'calico-node': '.' }, only: 'felix' },
  { name: 'calico-cni', programs: { calico: '.' }, only: 'felix' },
  {
    name: 'cilium',
    only: 'cilium',
    programs: {
      'cilium-agent': `${cilium}/daemon`,
      'cilium-cni': `${cilium}/plugins/cilium-cni`,
      'cilium-dbg': `${cilium}/cilium-dbg`,
      'cilium-health-responder': `${cilium}/cilium-health/responder`,
      'cilium-operator-generic': `${cilium}/operator`,
    },
    tags: { 'cilium-operator-generic': 'ipam_provider_operator' },
    set: { [`${cilium}/pkg/version.ciliumVersion`]: '1.18.3' },
  },
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
      const tags = part.tags?.[program];
      await execa(
        'go',
        ['build', '-trimpath', '-buildvcs=false', ...(tags ? ['-tags', tags] : []), `-ldflags=${linkerFlags(part)}`, '-o', file, source],
        { cwd: sources(part), env: environment(part) },
      );
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
  /** Where the sources of a Go module are that a part is built from. */
  readonly module: (part: string, path: string) => Promise<string>;
  /** Changes when any program changes that every lab has. */
  readonly key: string;
  /** What only this backend has; its key changes when a program of its own does. */
  readonly own?: { readonly backend: Enforcing; readonly key: string };
}

const keyOfAll = (directories: readonly string[]): string => createHash('sha256').update(directories.join()).digest('hex').slice(0, 16);

const moduleDirectory = async (name: string, path: string): Promise<string> => {
  const part = parts.find((one) => one.name === name);
  if (!part) throw new Error(`no part is named ${name}`);
  return (await execa('go', ['list', '-m', '-f', '{{.Dir}}', path], { cwd: sources(part), env: environment(part) })).stdout;
};

const goVersion = async (): Promise<string> => (await execa('go', ['env', 'GOVERSION'])).stdout;

const directoryOf = async (part: Part, compiler: string): Promise<string> => join(cacheRoot(), `${part.name}-${await keyOf(part, compiler)}`);

export const buildParts = async ({ backend, verify = false }: { readonly backend: Backend; readonly verify?: boolean }): Promise<Parts> => {
  const cache = cacheRoot();
  await mkdir(cache, { recursive: true });
  const compiler = await goVersion();
  const only = enforcing(backend);
  const built = await withLock(lockFile('build'), async () => {
    const found: { readonly part: Part; readonly directory: string }[] = [];
    for (const part of parts.filter((one) => one.only === undefined || one.only === only)) {
      const directory = await directoryOf(part, compiler);
      if (!(await isWhole(directory, verify))) await step(`built ${part.name}`, () => build(part, directory));
      found.push({ part, directory });
    }
    return found;
  });
  const directoriesOf = (wanted: boolean): readonly string[] =>
    built.filter(({ part }) => (part.only === undefined) === wanted).map(({ directory }) => directory);
  const directories = built.map(({ directory }) => directory);
  return {
    cache,
    directories,
    path: [...directories, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':'),
    program: (name) => {
      const found = directories.map((directory) => join(directory, name)).find((file) => existsSync(file));
      if (!found) throw new Error(`no part builds ${name}`);
      return found;
    },
    module: moduleDirectory,
    key: keyOfAll(directoriesOf(true)),
    ...(only ? { own: { backend: only, key: keyOfAll(directoriesOf(false)) } } : {}),
  };
};
