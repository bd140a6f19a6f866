/**
 * How long `path` takes on a running lab, and what of it: healthy, with the underlay dropping the tunnel, and with 120 more interfaces on a
 * node. `NETDOCTOR_E2E_LAB=NAME KUBECONFIG=… node test/bench/path.ts [RUNS]`
 */

import type { PathReport } from '../../src/report/report.ts';
import { lab } from '../e2e/cluster.ts';
import { netdoctor } from '../e2e/netdoctor.ts';
import { heal } from '../lab/faults/fault.ts';
import { faultNamed } from '../lab/faults/index.ts';

const runs = Number(process.argv[2] ?? 10);
const MORE_INTERFACES = 120;

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const measure = async (title: string): Promise<void> => {
  const walls: number[] = [];
  const steps = new Map<string, number[]>();
  const said = new Set<string>();
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    const { stdout } = await netdoctor(['path', '-n', 'demo', 'client-node1', 'server-node2', '-o', 'json']);
    walls.push(performance.now() - started);
    const { timings, verdict, findings } = JSON.parse(stdout) as PathReport;
    said.add([verdict, ...findings.map(({ code, confidence }) => `${code} ${confidence}`)].join(' '));
    for (const [step, ms] of Object.entries(timings)) steps.set(step, [...(steps.get(step) ?? []), ms]);
  }
  process.stdout.write(
    `\n${title}: ${[...said].join(' | ')}\n  whole command ${Math.round(median(walls))} ms (median of ${runs}; ${Math.round(Math.min(...walls))} to ${Math.round(Math.max(...walls))})\n`,
  );
  for (const [step, values] of steps) process.stdout.write(`  ${step.padEnd(18)} ${String(Math.round(median(values))).padStart(5)} ms\n`);
};

if (!lab) throw new Error('name a running lab in NETDOCTOR_E2E_LAB');
const running = lab;
const node1 = (script: string): Promise<unknown> => running.nodeExec('node1', ['sh', '-c', script]);

await measure('healthy');
const fault = faultNamed('underlay-drops-tunnel');
await fault.inject(running);
try {
  await measure('the network between the nodes drops the tunnel');
} finally {
  await heal(running, fault);
}
try {
  await node1(
    `for i in $(seq ${MORE_INTERFACES / 2}); do ip link add ndbench$i type veth peer name ndbenchp$i; ip link set ndbench$i up; ip link set ndbenchp$i up; done`,
  );
  await measure(`healthy, ${MORE_INTERFACES} more interfaces on a node`);
} finally {
  await node1(`for i in $(seq ${MORE_INTERFACES / 2}); do ip link del ndbench$i; done; true`);
}
