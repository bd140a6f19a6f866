import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { heal } from '../lab/faults/fault.ts';
import { faultNamed, faults } from '../lab/faults/index.ts';
import { enforcing } from '../lab/options.ts';
import { lab } from './cluster.ts';
import { DROP_TABLE } from './drop-table.ts';
import { EXPECTED, questionOf } from './expected.ts';
import { inEachFamily } from './families.ts';
import { netdoctor } from './netdoctor.ts';
import { POLICY_EXPECTED } from './policy-expected.ts';
import { ARRANGE, clearUp } from './policy-incidents.ts';

/**
 * Records every fault of the lab as a bundle, for test/unit/doctor/replay.test.ts and for `make demo`, and some rows of the drop table: on a
 * running lab that nothing else keeps busy,
 * `NETDOCTOR_E2E_LAB=NAME KUBECONFIG=… node test/e2e/record.ts [FAULT…]`.
 */

const root = join(import.meta.dirname, '../..');
const directory = join(root, 'test/fixtures/bundles');
const DEMO = { fault: 'underlay-drops-tunnel', file: join(root, 'demo/flannel-vxlan-blocked.tgz') };

const dropsDirectory = join(root, 'test/fixtures/drops');

const policiesDirectory = join(root, 'test/fixtures/policies');

/** Incidents that are recorded in the target's second family, too, where it has one: `-ipv6` behind the name. */
const IN_BOTH_FAMILIES = ['namespace-isolated-service'];

const save = async (file: string, question: string[]): Promise<void> => {
  const { exitCode, stderr } = await netdoctor(['path', ...question, '--save', file]);
  process.stdout.write(`${file}: exit code ${exitCode} ${stderr}\n`);
};

if (!lab) throw new Error('name a running lab in NETDOCTOR_E2E_LAB');
const running = lab;
await mkdir(directory, { recursive: true });
await mkdir(join(root, 'demo'), { recursive: true });
const wanted = process.argv.slice(2);
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
if (isWanted('healthy')) await save(join(directory, 'healthy.tgz'), ['-n', 'demo', 'client-node1', 'server-node2']);
if (isWanted('healthy-service')) await save(join(directory, 'healthy-service.tgz'), ['-n', 'demo', 'client-node1', 'svc/web']);
for (const fault of faults.filter(({ name, appliesTo }) => EXPECTED[name] && isWanted(name) && appliesTo(running.plan.options))) {
  await fault.inject(lab);
  try {
    await save(join(directory, `${fault.name}.tgz`), questionOf(fault.name));
    if (fault.name === DEMO.fault) await save(DEMO.file, questionOf(fault.name));
  } finally {
    await heal(lab, fault);
  }
}
const plugin = enforcing(running.plan.options.backend);
if (plugin) {
  await mkdir(policiesDirectory, { recursive: true });
  const here = Object.entries(POLICY_EXPECTED).filter(([name, { only = plugin }]) => only === plugin && isWanted(name));
  for (const [name, { question }] of here) {
    try {
      await ARRANGE[name]?.();
      await save(join(policiesDirectory, `${plugin}-${name}.tgz`), question);
      const [from = '', to = ''] = question;
      const [, second] = IN_BOTH_FAMILIES.includes(name) ? await inEachFamily(to) : [];
      if (second) await save(join(policiesDirectory, `${plugin}-${name}-ipv${second.family}.tgz`), [from, second.word]);
    } finally {
      await clearUp();
    }
  }
}
await mkdir(dropsDirectory, { recursive: true });
for (const { fault: name } of DROP_TABLE.filter(({ fault, recorded }) => recorded && fault !== undefined && isWanted(fault))) {
  const fault = faultNamed(name ?? '');
  await fault.inject(lab);
  try {
    await save(join(dropsDirectory, `${fault.name}.tgz`), ['-n', 'demo', 'client-node1', 'server-node2']);
  } finally {
    await heal(lab, fault);
  }
}
