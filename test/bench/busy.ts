/**
 * `path` on a quiet lab and on one whose nodes pass 20,000 other packets a second and have 20,000 more rules: verdicts, time, what the captures
 * lost and what the agents took. `NETDOCTOR_E2E_LAB=NAME KUBECONFIG=… node test/bench/busy.ts`
 */

import { type AgentCost, withAgentCost } from '../e2e/agent-cost.ts';
import { BUSY, lostOf, QUESTION } from '../e2e/busy.ts';
import { lab } from '../e2e/cluster.ts';
import { during } from '../e2e/heal.ts';
import { path } from '../e2e/netdoctor.ts';
import { bulkRules, otherTraffic } from '../lab/busy.ts';

if (!lab) throw new Error('name a running lab in NETDOCTOR_E2E_LAB');
const running = lab;

const costWords = (costs: AgentCost[]): string =>
  costs.map(({ node, cpuSeconds, memoryMiB }) => `${node} ${cpuSeconds.toFixed(2)} s CPU ${Math.round(memoryMiB)} MiB`).join(', ');

const measure = async (title: string): Promise<void> => {
  const started = performance.now();
  const { result, costs } = await withAgentCost(running, () => path(QUESTION));
  const [first] = result.findings;
  const said = first ? `${first.code} ${first.confidence}` : result.verdict;
  const lost = lostOf(result, {});
  process.stdout.write(
    `${title.padEnd(32)} ${said.padEnd(16)} ${Math.round(performance.now() - started)} ms; ${costWords(costs)}; ${lost.length === 0 ? 'nothing lost' : lost.join(', ')}\n`,
  );
};

for (const { fault } of BUSY) await during(running, fault, () => measure(`quiet, ${fault ?? 'healthy'}`));
const removeRules = await bulkRules(running, 'node2');
try {
  for (const { fault } of BUSY) {
    await during(running, fault, async () => {
      const traffic = await otherTraffic(running, { rate: 20_000, seconds: 15 });
      await measure(`busy, ${fault ?? 'healthy'}`);
      process.stdout.write(`  ${await traffic.over} other packets/s\n`);
    });
  }
} finally {
  await removeRules();
}
