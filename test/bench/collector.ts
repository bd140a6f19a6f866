/**
 * What reading a node costs, against its number of pods and against asking interface by interface. Needs root.
 *
 *     node test/bench/collector.ts [COUNT…]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectorScript } from '../../src/node/collector/script.ts';
import { benchNode } from './collector-node.ts';

interface Figure {
  name: string;
  wallMs: number;
  cpuMs: number;
  bytes: number;
}

const runNode = (count: number, dir: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn('unshare', ['-n', '-m', '-p', '-f', '--kill-child', 'sh', '-s', '--', `${count}`, dir], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', () => resolve(output));
    child.stdin.end(benchNode);
  });

const readFigures = (output: string): Figure[] =>
  output
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([name = '', wall, cpu, bytes]) => ({ name, wallMs: Number(wall), cpuMs: Number(cpu), bytes: Number(bytes) }));

const print = (count: number, figures: readonly Figure[]): void => {
  const byHand = figures.find(({ name }) => name === 'by-hand');
  for (const { name, wallMs, cpuMs, bytes } of figures) {
    const ratio = byHand ? `${(byHand.wallMs / wallMs).toFixed(1)} × faster` : '';
    const cells = [
      `${count}`.padStart(5),
      name.padEnd(12),
      `${wallMs} ms`.padStart(9),
      `${cpuMs} ms CPU`.padStart(13),
      `${Math.ceil(bytes / 1024)} KiB`.padStart(9),
      ratio,
    ];
    console.log(cells.join('  '));
  }
};

const counts = process.argv.slice(2).map(Number);
const dir = mkdtempSync(join(tmpdir(), 'netdoctor-bench-'));
try {
  writeFileSync(join(dir, 'collect.sh'), collectorScript);
  console.log(' pods  read              wall            CPU   on wire  against by-hand of the same run');
  for (const count of counts.length > 0 ? counts : [10, 50, 250, 1000]) print(count, readFigures(await runNode(count, dir)));
} finally {
  rmSync(dir, { recursive: true });
}
