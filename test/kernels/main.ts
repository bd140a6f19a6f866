/**
 * What the agent side is worth on the kernels that people run: boots stock Debian kernels under emulation with the agent image's own tools,
 * and lets `path` judge a healthy way and three broken ones there, and `drops` what becomes of others' traffic. `node test/kernels/main.ts [KERNEL…]`
 */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolvePair } from '../../src/cluster/words/resolve.ts';
import { runPath } from '../../src/doctor/run-path.ts';
import { startStopwatch } from '../../src/doctor/stopwatch.ts';
import { createSessionMark } from '../../src/probe/live/session-mark.ts';
import type { PathReport } from '../../src/report/report.ts';
import { cacheRoot } from '../lab/cache.ts';
import { objectReader } from '../unit/cluster/object-reader.ts';
import { dropSituations, watchDrops } from './drops.ts';
import { fetchKernel } from './fetch.ts';
import { boot, type Guest } from './guest.ts';
import { makeInitramfs } from './initramfs.ts';
import { type StockKernel, stockKernels } from './kernels.ts';
import { apiObjects, doorInto, makeWorld } from './world.ts';

interface Situation {
  name: string;
  /** sh in the guest. */
  begin: string;
  end: string;
  target: string;
  /** Code of the first finding; none for a healthy way. */
  code?: string;
}

const situations: Situation[] = [
  { name: 'healthy', begin: ':', end: ':', target: 'b' },
  {
    name: 'DROP',
    begin: 'ip netns exec n2 iptables-nft -A FORWARD -d 10.244.2.5 -j DROP',
    end: 'ip netns exec n2 iptables-nft -D FORWARD -d 10.244.2.5 -j DROP',
    target: 'b',
    code: 'ND3003',
  },
  {
    name: 'queue',
    begin: "ip netns exec n2 nft 'table inet q { chain c { type filter hook forward priority 0; ip daddr 10.244.2.5 counter queue num 100-101; }; }'",
    end: 'ip netns exec n2 nft delete table inet q',
    target: 'b',
    code: 'ND3018',
  },
  {
    name: 'no route',
    begin: 'ip -n n2 route del 10.244.2.0/24 dev cni0',
    end: 'ip -n n2 route add 10.244.2.0/24 dev cni0 src 10.244.2.1',
    target: 'b',
    code: 'ND3007',
  },
  { name: 'closed port', begin: ':', end: ':', target: 'b:8081', code: 'ND4001' },
];

const judge = (guest: Guest, pids: { node1: number; node2: number }, target: string): Promise<PathReport> => {
  const mark = createSessionMark();
  const doors = [doorInto(guest, 'node1', pids.node1, mark), doorInto(guest, 'node2', pids.node2, mark)];
  return runPath(
    { from: 'a', to: target, namespace: 'demo', count: 5, timeoutMs: 2_000 },
    (api, from, to, namespace) => resolvePair(api, namespace, { from, to }),
    {
      api: objectReader(apiObjects()),
      open: async (requests) => doors.filter(({ node }) => requests.some((request) => request.node === node)),
      mark: mark.number,
      now: () => new Date(),
      thorough: false,
      say: () => undefined,
      stopwatch: startStopwatch(),
    },
  );
};

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const row = (cells: string[]): void => {
  const widths = [7, 15, 8, 8];
  process.stdout.write(`${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}\n`);
};

/** One line per situation; true when every verdict is the expected one. */
const examine = async (kernel: StockKernel, cache: string, image: string): Promise<boolean> => {
  const fetched = await fetchKernel(kernel, cache);
  const work = await mkdtemp(join(tmpdir(), 'netdoctor-kernel-'));
  let guest: Guest | undefined;
  try {
    guest = await boot(fetched, await makeInitramfs(fetched, image, work));
    const pids = await makeWorld(guest);
    row([kernel.name, 'boots', 'ok', seconds(guest.bootSeconds * 1000), fetched.release]);
    let good = true;
    for (const { name, begin, end, target, code } of situations) {
      await guest.sh(begin);
      const started = performance.now();
      const { findings, verdict, notChecked } = await judge(guest, pids, target);
      await guest.sh(end);
      const [first] = findings;
      const right = first?.code === code && (code === undefined ? verdict === 'healthy' : first?.confidence === 'certain');
      good &&= right;
      const said = first ? `${first.code} ${first.confidence}: ${first.title}` : verdict;
      row([kernel.name, name, right ? 'ok' : 'WRONG', seconds(performance.now() - started), said]);
      for (const line of [...(first?.evidence ?? []).filter((text) => text.startsWith('the kernel of')), ...notChecked]) row(['', '', '', '', line]);
    }
    for (const situation of dropSituations) {
      await guest.sh(situation.begin);
      const started = performance.now();
      const { report, right } = await watchDrops(guest, pids, situation);
      await guest.sh(situation.end);
      good &&= right;
      const [first] = report.rows.filter(({ severity }) => severity !== 'harmless');
      const said = first ? `${first.count} × ${first.what}, ${first.where}` : `nothing that matters, ${report.rows.length} harmless`;
      row([kernel.name, situation.name, right ? 'ok' : 'WRONG', seconds(performance.now() - started), `${said} (by ${report.seenBy})`]);
      for (const line of report.notChecked) row(['', '', '', '', line]);
    }
    return good;
  } finally {
    await guest?.stop();
    await rm(work, { recursive: true, force: true });
  }
};

const image = join(import.meta.dirname, '../../build/agent-image-amd64/root');
if (!existsSync(image)) throw new Error('there is no agent image here: make image');
const cache = join(cacheRoot(), 'kernels');
await mkdir(cache, { recursive: true });
const wanted = process.argv.slice(2);
row(['KERNEL', 'SITUATION', 'VERDICT', 'TIME', 'SAID']);
for (const kernel of stockKernels.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  if (!(await examine(kernel, cache, image))) process.exitCode = 1;
}
