import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Parts } from '../parts.ts';
import { images } from './contents.ts';
import { addBusybox, addPacketTools, all, copyTo, emptyDirectories, type Fill, libraries, mergedUsr, program } from './fill.ts';
import type { ImageContent } from './oci-archive.ts';

const root = join(import.meta.dirname, '../../..');

/** The agent compiles its BPF programs on the node; -nostdinc, so that the compiler alone is enough. */
const addClang: Fill = async (image) => {
  await execa(join(root, 'scripts/install-debian-packages.sh'), ['test/lab/debian-packages-cilium'], { cwd: root, stdout: 'inherit' });
  const clang = '/usr/lib/llvm-19/bin/clang';
  // it looks for its libraries beside itself
  for (const file of [clang, ...(await libraries(clang))]) await copyTo(image, file);
  await symlink(clang, join(image, 'usr/bin/clang'));
};

const addSources =
  (module: string): Fill =>
  async (image) => {
    const to = join(image, 'var/lib/cilium/bpf');
    await mkdir(to, { recursive: true });
    await cp(join(module, 'bpf'), to, { recursive: true, filter: (source) => !/\/bpf\/(tests|complexity-tests)(\/|$)/.test(source) });
  };

/** Cilium's own images, but for Envoy, the Hubble client and bugtool. */
export const ciliumImages = async (parts: Parts): Promise<readonly ImageContent[]> => {
  const module = await parts.module('cilium', 'github.com/cilium/cilium');
  return [
    {
      reference: images.cilium,
      entrypoint: ['/usr/bin/cilium-dbg'],
      fill: all(
        mergedUsr,
        emptyDirectories,
        addPacketTools,
        addBusybox,
        addClang,
        addSources(module),
        ...['cilium-agent', 'cilium-dbg', 'cilium-health-responder'].map((name) => program(parts, name, `/usr/bin/${name}`)),
        program(parts, 'cilium-cni', '/opt/cni/bin/cilium-cni'),
      ),
    },
    {
      reference: images.ciliumOperator,
      entrypoint: ['/usr/bin/cilium-operator-generic'],
      fill: all(emptyDirectories, program(parts, 'cilium-operator-generic', '/usr/bin/cilium-operator-generic')),
    },
  ];
};
