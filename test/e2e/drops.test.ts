import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import type { DropRow, DropsReport } from '../../src/report/drops-report.ts';
import { otherTraffic } from '../lab/busy.ts';
import { waitFor } from '../lab/clock.ts';
import { findPod } from '../lab/pods.ts';
import { kubectl, lab } from './cluster.ts';
import { netdoctor } from './netdoctor.ts';

const main = join(import.meta.dirname, '..', '..', 'build', 'main.cjs');

const drops = async (args: string[]): Promise<DropsReport> => {
  const { stdout, stderr } = await netdoctor(['drops', ...args, '-o', 'json']);
  if (stdout === '') throw new Error(`no document: ${stderr}`);
  return JSON.parse(stdout) as DropsReport;
};

const matters = ({ rows }: DropsReport): DropRow[] => rows.filter(({ severity }) => severity !== 'harmless');

const agents = async (): Promise<string> =>
  kubectl(['-n', 'kube-system', 'get', 'pods', '-l', 'app.kubernetes.io/managed-by=kubectl-netdoctor', '-o', 'name']);

/** Packets that the first rule of the node has dropped. */
const counted = async (): Promise<number> =>
  Number((await lab?.nodeExec('node2', ['iptables-nft', '-vxnL', 'FORWARD', '1']))?.stdout.trim().split(/ +/)[0] ?? 0);

/** Everything of ours in this kernel's tracefs; others may ask it at the same time. */
const traces = async (): Promise<string[]> => {
  const script = 'mount -t tracefs none /mnt && ls /mnt/instances && cat /mnt/dynamic_events';
  const { stdout } = await execa('unshare', ['-m', 'sh', '-c', script]);
  return stdout.split('\n').filter((line) => line.includes('netdoctor'));
};

/** Port that test/lab/busy.ts sends to. */
const PORT = 7777;
const RATE = 100;

describe('what a node drops now', function () {
  this.timeout(120_000);
  let directory: string;
  before(async function () {
    if (!lab) return this.skip();
    directory = await mkdtemp(join(tmpdir(), 'netdoctor-e2e-'));
    return undefined;
  });
  after(() => directory && rm(directory, { recursive: true, force: true }));
  afterEach(async () => expect(await agents()).to.equal(''));

  /** Somebody else's datagrams to a pod of node2, whose node drops them; `work` is done while they come. */
  const whileDropped = async <Result>(work: (pod: { ip: string; name: string }) => Promise<Result>): Promise<{ result: Result; sent: number }> => {
    if (!lab) throw new Error('no lab');
    const pod = await findPod(lab, 'client-node2');
    const ip = pod.ips[0] ?? '';
    const rule = ['FORWARD', '-d', ip, '-p', 'udp', '--dport', String(PORT), '-j', 'DROP'];
    await lab.nodeExec('node2', ['iptables-nft', '-I', ...rule]);
    try {
      const traffic = await otherTraffic(lab, { rate: RATE, seconds: 18 });
      return { result: await work({ ip, name: pod.name }), sent: await traffic.over };
    } finally {
      await lab.nodeExec('node2', ['iptables-nft', '-D', ...rule]);
    }
  };

  it("names the rule that drops others' packets, whose they are, and how many", async () => {
    const file = join(directory, 'rule.tgz');
    const { result, sent } = await whileDropped(async ({ ip }) => ({
      ip,
      report: await drops(['node2', '--duration', '4s', '--save', file]),
      exitCode: (await netdoctor(['drops', '--from', file])).exitCode,
    }));
    const { ip, report, exitCode } = result;
    const [row] = matters(report);
    expect(row).to.include({ severity: 'problem', code: 'ND3003', where: 'host', direction: 'in', hook: 'FORWARD', reason: 'NETFILTER_DROP' });
    expect(row?.rule).to.include({ backend: 'iptables-nft', table: 'filter', chain: 'FORWARD', number: 1, sure: true });
    expect(row?.rule?.text).to.include(`-d ${ip}/32`).and.include(`--dport ${PORT}`);
    expect(row?.flows).to.have.length(1);
    expect(row?.flows[0]).to.include({ destination: ip, destinationPort: PORT, protocol: 'udp' });
    // sent is what the sender could do, over a longer time
    expect(row?.perSecond).to.be.within(sent * 0.5, sent * 1.5);
    const [finding] = report.findings;
    expect(finding).to.include({ code: 'ND3003', confidence: 'certain' });
    expect(finding?.fix.join('\n')).to.include('iptables -t filter -D FORWARD 1');
    expect(exitCode).to.equal(1);
    // offline it is judged to the same
    const offline = await netdoctor(['drops', '--from', file, '-o', 'json'], { KUBECONFIG: '/nonexistent' });
    expect({ ...(JSON.parse(offline.stdout) as object), timings: undefined }).to.deep.equal({ ...report, timings: undefined });
  });

  it('of a pod shows what concerns it, and of another one nothing', async () => {
    const { result } = await whileDropped(async () => ({
      its: await drops(['demo/client-node2', '--duration', '2s']),
      others: await drops(['demo/server-node2', '--duration', '2s']),
    }));
    expect(matters(result.its).map(({ code }) => code)).to.deep.equal(['ND3003']);
    expect(result.its.pod).to.equal('demo/client-node2');
    expect(matters(result.others)).to.deep.equal([]);
  });

  it('is nothing that matters on a healthy node, with traffic of its own', async () => {
    if (!lab) return;
    const traffic = await otherTraffic(lab, { rate: RATE, seconds: 10 });
    const { exitCode, stdout } = await netdoctor(['drops', 'node2', '--duration', '3s']);
    await traffic.over;
    expect(stdout).to.match(/nothing that matters/);
    expect(exitCode).to.equal(0);
  });

  it('that Ctrl-C ends early is shown, and nothing stays behind', async () => {
    const { result } = await whileDropped(async () => {
      const known = await traces();
      const run = execa(process.execPath, [main, 'drops', 'node2', '--duration', '60s'], { reject: false, stdin: 'ignore', env: { NO_COLOR: '1' } });
      await waitFor('the watch', async () => (await traces()).some((name) => !known.includes(name)));
      const before = await counted();
      await waitFor('drops', async () => (await counted()) > before + 20);
      run.kill('SIGINT');
      return run;
    });
    expect(result.exitCode).to.equal(130);
    expect(result.stdout).to.match(/filter FORWARD #1/);
    const left = await traces();
    await waitFor('traces to be gone', async () => (await traces()).every((name) => !left.includes(name)));
  });

  it('says what makes no sense', async () => {
    const wrong: [string[], number, RegExp][] = [
      [[], 2, /drops needs a node or a pod/],
      [['node2', '--duration', '3'], 2, /a duration with a unit/],
      [['node2', '--duration', '2h'], 2, /"--duration": 100ms to 1h/],
      [['node/nope'], 5, /nope/],
      [['svc/web', '-n', 'demo'], 2, /no node and no pod/],
      [['192.0.2.1'], 2, /no node and no pod: drops are a node's/],
      [['demo/client-node2', '--agent', 'ephemeral'], 2, /not with --agent ephemeral/],
    ];
    for (const [args, code, message] of wrong) {
      const { exitCode, stderr, stdout } = await netdoctor(['drops', ...args]);
      expect({ exitCode, stdout }, args.join(' ')).to.deep.equal({ exitCode: code, stdout: '' });
      expect(stderr).to.match(message);
    }
  });
});
