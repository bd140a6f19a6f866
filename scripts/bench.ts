import { existsSync } from 'node:fs';
import { kubeconfigPath, programsDirectory } from '../test/lab/state.ts';
import { run, runAlways } from './steps.ts';

/** `make bench`: prints figures and judges none of them. Policies and the forwarding model by themselves, the collector in namespaces of its own, `path` on a lab of its own. */

const node = process.execPath;
const name = 'bench';
const image = `build/agent-image-${process.arch === 'arm64' ? 'arm64' : 'amd64'}.tar`;
const lab = (title: string, args: string[]): Promise<boolean> => run(title, node, ['test/lab/main.ts', ...args, '--name', name]);

const judged =
  (await run('judging policies', node, ['test/bench/policy.ts'])) &&
  (await run('the forwarding model', node, ['test/bench/forwarding.ts'])) &&
  (await run('what each way of seeing contributes', node, ['test/bench/tiers.ts']));
const onLab = (title: string, file: string): Promise<boolean> =>
  run(title, node, [file], {
    NETDOCTOR_E2E_LAB: name,
    KUBECONFIG: kubeconfigPath(name),
    PATH: `${programsDirectory(name)}:${process.env.PATH}`,
  });

if (process.platform !== 'linux' || process.getuid?.() !== 0) {
  process.stdout.write('the rest of make bench needs Linux and root\n');
  process.exit(2);
}
const done =
  judged &&
  (await run('Debian packages', 'scripts/install-debian-packages.sh', [])) &&
  (await run('the model beside ip and iptables', node, ['test/bench/forwarding-beside.ts'])) &&
  (await run('bundle', node, ['scripts/build.ts'])) &&
  (await run('reading a node', node, ['test/bench/collector.ts'])) &&
  (existsSync(image) || (await run('agent image', 'scripts/build-image.sh', []))) &&
  (await runAlways(
    async () =>
      (await lab('lab up', ['up'])) &&
      (await lab('agent image onto its nodes', ['load-image', image])) &&
      (await onLab('path', 'test/bench/path.ts')) &&
      (await onLab('faults that strike now and then', 'test/bench/intermittent.ts')) &&
      (await onLab('busy nodes', 'test/bench/busy.ts')) &&
      (await onLab('two faults at once', 'test/bench/pairs.ts')),
    () => lab('lab down', ['down']),
  ));
process.exitCode = done ? 0 : 1;
