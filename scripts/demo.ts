import { join } from 'node:path';
import { execa } from 'execa';

/** `make demo`: the recorded incident of demo/, judged again by the built plugin, as a terminal would show it. Exit code 1 of `path` is its answer: a problem was found. */

const root = join(import.meta.dirname, '..');
const bundle = 'demo/flannel-vxlan-blocked.tgz';

const show = async (args: string[], expected: number): Promise<void> => {
  process.stdout.write(`\n$ kubectl netdoctor ${args.join(' ')}\n\n`);
  const { exitCode } = await execa(process.execPath, [join(root, 'build', 'main.cjs'), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    reject: false,
  });
  process.stdout.write(`\n(exit code ${exitCode})\n`);
  if (exitCode !== expected) throw new Error(`kubectl netdoctor ${args.join(' ')} ended with ${exitCode}, not ${expected}`);
};

await show(['path', '--from', bundle], 1);
await show(['veth', '--from', bundle, '-A'], 0);
