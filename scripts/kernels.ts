import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { run } from './steps.ts';

/** `make kernels`: what it needs of Debian, the agent image, and then the kernels one after the other. */

const NEEDED = ['qemu-system-x86', 'xz-utils'];

if (process.platform !== 'linux' || process.arch !== 'x64' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
  process.stdout.write('make kernels needs Debian on amd64, and root\n');
  process.exit(2);
}
const missing = async (): Promise<string[]> => {
  const states = await Promise.all(NEEDED.map((name) => execa('dpkg-query', ['--status', name], { reject: false })));
  return NEEDED.filter((_, index) => !states[index]?.stdout.includes('ok installed'));
};
const wanted = await missing();
const done =
  (await run('Debian packages', 'scripts/install-debian-packages.sh', [])) &&
  (wanted.length === 0 ||
    (await run('emulator', 'apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted], { DEBIAN_FRONTEND: 'noninteractive' }))) &&
  (existsSync('build/agent-image-amd64/root') || (await run('agent image', 'scripts/build-image.sh', ['amd64']))) &&
  (await run('kernels', process.execPath, ['test/kernels/main.ts', ...process.argv.slice(2)]));
process.exitCode = done ? 0 : 1;
