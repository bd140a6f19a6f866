import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { UnpackedKernel } from './fetch.ts';

/** Of all modules the parts that networks and the guest's own devices need. */
const PARTS = ['net', 'lib', 'crypto', 'arch', 'drivers/net', 'drivers/virtio'];

/** A gzipped cpio archive of what lies in a directory. */
const pack = async (directory: string, file: string): Promise<void> => {
  await execa('sh', ['-c', '(cd "$0" && find . | busybox cpio -o -H newc 2>/dev/null) | gzip -1 >"$1"', directory, file]);
};

/**
 * The agent image's files, the modules, and the guest's first process. The kernel unpacks archives that follow each other into one tree.
 * @param image root directory of the agent image
 */
export const makeInitramfs = async (kernel: UnpackedKernel, image: string, work: string): Promise<string> => {
  const extra = join(work, 'extra');
  await rm(extra, { recursive: true, force: true });
  const modules = join('lib/modules', kernel.release);
  // /lib of the image is a link to usr/lib
  const target = join(extra, 'usr', modules);
  await mkdir(join(extra, 'guest'), { recursive: true });
  for (const part of PARTS) await cp(join(kernel.modules, modules, 'kernel', part), join(target, 'kernel', part), { recursive: true });
  for (const file of ['modules.builtin', 'modules.order']) await cp(join(kernel.modules, modules, file), join(target, file));
  await execa('busybox', ['depmod', '-b', join(extra, 'usr'), kernel.release]);
  await cp('/bin/busybox', join(extra, 'guest/busybox'));
  for (const script of ['init', 'serve']) await cp(join(import.meta.dirname, 'guest', `${script}.sh`), join(extra, 'guest', script));
  const parts = [join(work, 'image.cpio.gz'), join(work, 'extra.cpio.gz')] as const;
  await pack(image, parts[0]);
  await pack(extra, parts[1]);
  const file = join(work, 'initramfs');
  await execa('sh', ['-c', 'cat "$1" "$2" >"$0"', file, ...parts]);
  return file;
};
