import { parseArgs } from 'node:util';
import { messageOf, step } from './clock.ts';
import { importImage } from './containerd.ts';
import { down } from './down.ts';
import { heal } from './faults/fault.ts';
import { faultNamed, faults } from './faults/index.ts';
import { openLab } from './handle.ts';
import { buildImages } from './images/archives.ts';
import { completeOptions, type LabOptions } from './options.ts';
import { buildParts } from './parts.ts';
import { programsDirectory } from './state.ts';
import { status } from './status.ts';
import { up } from './up.ts';

const usage = `usage: main.ts COMMAND [--name dev]
  up [--nodes 2] [--backend vxlan|vxlan-directrouting|host-gw|bridge|felix|cilium] [--proxy iptables|nftables] [--ip 4|6|dual] [--subnets one|routed]
  down                      ends the lab and all that is left of it
  status                    shows the labs of this machine
  build [--backend …] [--verify]
                            builds the parts and images only
  node-exec NODE -- CMD…    runs a program on a node (or on underlay, ext1)
  load-image FILE           imports an image archive on every node
  faults                    lists the faults
  fault NAME | heal NAME    breaks the lab in one way, and repairs it`;

interface Invocation {
  readonly options: LabOptions;
  readonly verify: boolean;
  readonly words: readonly string[];
}

type Command = (invocation: Invocation) => Promise<string>;

const word = (words: readonly string[], index: number): string => {
  const found = words[index];
  if (found === undefined) throw new Error(usage);
  return found;
};

const commands: Readonly<Record<string, Command>> = {
  up: async ({ options }) => {
    const kubeconfig = await step('lab is up', () => up(options));
    return `export KUBECONFIG=${kubeconfig} PATH=${programsDirectory(options.name)}:$PATH`;
  },
  down: async ({ options }) => {
    await step('lab is down', () => down(options.name));
    return '';
  },
  status,
  build: async ({ options: { backend }, verify }) => {
    const parts = await buildParts({ backend, verify });
    await buildImages(parts);
    return parts.directories.join('\n');
  },
  'node-exec': async ({ options, words }) => {
    const { stdout, stderr, exitCode } = await (await openLab(options.name)).nodeExec(word(words, 0), words.slice(1), { reject: false });
    process.stderr.write(stderr && `${stderr}\n`);
    process.exitCode = exitCode ?? 1;
    return stdout;
  },
  'load-image': async ({ options, words }) => {
    const lab = await openLab(options.name);
    await Promise.all(lab.machines.map((node) => importImage(node, word(words, 0))));
    return '';
  },
  faults: async () => faults.map(({ name, title }) => `${name.padEnd(32)}${title}`).join('\n'),
  fault: async ({ options, words }) => {
    const lab = await openLab(options.name);
    const fault = faultNamed(word(words, 0));
    if (!fault.appliesTo(lab.plan.options)) throw new Error(`${fault.name} does not apply to lab ${lab.name}, which is ${lab.plan.options.backend}`);
    await fault.inject(lab);
    return '';
  },
  heal: async ({ options, words }) => {
    await heal(await openLab(options.name), faultNamed(word(words, 0)));
    return '';
  },
};

const string = { type: 'string' } as const;

try {
  const { values, positionals } = parseArgs({
    options: { name: string, nodes: string, backend: string, proxy: string, ip: string, subnets: string, verify: { type: 'boolean' } },
    allowPositionals: true,
  });
  const { verify = false, ...given } = values;
  const [name = '', ...words] = positionals;
  const command = commands[name];
  if (!command) throw new Error(usage);
  const output = await command({ options: completeOptions(given), verify, words });
  if (output) console.log(output);
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
