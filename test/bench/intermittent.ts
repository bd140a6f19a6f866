/** How many of 20 runs name a fault that strikes now and then. `NETDOCTOR_E2E_LAB=NAME KUBECONFIG=… node test/bench/intermittent.ts [RUNS]` */

import { lab } from '../e2e/cluster.ts';
import { INTERMITTENT } from '../e2e/intermittent.ts';
import { path } from '../e2e/netdoctor.ts';
import { heal } from '../lab/faults/fault.ts';
import { faultNamed } from '../lab/faults/index.ts';

const runs = Number(process.argv[2] ?? 20);
if (!lab) throw new Error('name a running lab in NETDOCTOR_E2E_LAB');

for (const { fault: name, question, expectNamed } of INTERMITTENT) {
  const fault = faultNamed(name);
  let named = 0;
  await fault.inject(lab);
  try {
    for (let run = 0; run < runs; run += 1) {
      const report = await path(question);
      try {
        expectNamed(report);
        named += 1;
      } catch (error) {
        process.stdout.write(`  run ${run + 1}: ${error instanceof Error ? error.message.split('\n')[0] : error}\n`);
      }
    }
  } finally {
    await heal(lab, fault);
  }
  process.stdout.write(`${name}: named in ${named} of ${runs} runs\n`);
}
