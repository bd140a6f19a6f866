import { parseArgs } from 'node:util';
import { messageOf, step } from './clock.ts';
import { down } from './down.ts';
import { completeOptions } from './options.ts';
import { up } from './up.ts';

const [command, ...rest] = process.argv.slice(2);
const string = { type: 'string' } as const;
try {
  const { values } = parseArgs({ args: rest, options: { name: string, nodes: string, backend: string, proxy: string, ip: string, subnets: string } });
  const options = completeOptions(values);
  if (command === 'up') console.log(`export KUBECONFIG=${await step('lab is up', () => up(options))}`);
  if (command === 'down') await step('lab is down', () => down(options.name));
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
