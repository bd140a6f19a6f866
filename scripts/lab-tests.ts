import { existsSync } from 'node:fs';
import type { LabRun } from '../test/e2e/labs.ts';
import { kubeconfigPath, programsDirectory } from '../test/lab/state.ts';
import { run, runAlways } from './steps.ts';
import type { Mocha } from './with-totals.ts';

/** Why this machine cannot run the lab, or nothing. */
export const noLab = (): string | undefined => {
  if (process.platform !== 'linux') return `the lab needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'the lab needs root';
  if (!existsSync('/usr/bin/apt-get')) return 'the lab takes runc, iptables and the like from Debian packages, and this is no Debian';
  return undefined;
};

const lab = (title: string, args: string[]): Promise<boolean> => run(title, process.execPath, ['test/lab/main.ts', ...args]);

const image = (): string => `build/agent-image-${process.arch === 'arm64' ? 'arm64' : 'amd64'}.tar`;

/** Cluster parts and the agent image: what every lab run needs. */
export const prepareLab = async (): Promise<boolean> =>
  (await lab('lab parts (about 10 minutes on a new machine, then cached)', ['build'])) &&
  (existsSync(image()) || (await run('agent image', 'scripts/build-image.sh', [])));

/** A lab of its own, its tests, and the lab gone again whatever they said. */
export const runOnLab = async (mocha: Mocha, { options, files }: LabRun): Promise<boolean> => {
  const flags = Object.entries(options).flatMap(([flag, value]) => [`--${flag}`, `${value}`]);
  const shown = flags.slice(2).join(' ');
  const byName = ['--name', options.name];
  return runAlways(
    async () =>
      (await lab(`lab up: ${shown}`, ['up', ...flags])) &&
      (await lab('agent image onto its nodes', ['load-image', image(), ...byName])) &&
      (await mocha(
        `end-to-end tests: ${shown}`,
        files
          ? ['--no-config', '--extension', 'ts', '--forbid-only', '--timeout', '60000', '--slow', '15000', ...files]
          : ['--config', 'test/e2e/mocharc.json'],
        {
          NETDOCTOR_E2E_LAB: options.name,
          KUBECONFIG: kubeconfigPath(options.name),
          PATH: `${programsDirectory(options.name)}:${process.env.PATH}`,
        },
      )),
    () => lab('lab down', ['down', ...byName]),
  );
};
