import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import type { PathReport } from '../../src/report/report.ts';
import { allPods, findSubjects, kubectl, lab, nameOf, type Subjects } from './cluster.ts';
import { netdoctor, path } from './netdoctor.ts';
import { askAgain, urlOf } from './traffic.ts';

const main = join(import.meta.dirname, '..', '..', 'build', 'main.cjs');

const shark = await execa('tshark', ['--version']).then(
  () => true,
  () => false,
);

/** One line per packet, as tshark reads the file; flannel's VXLAN port is not Wireshark's. */
const fields = async (file: string, ...names: string[]): Promise<string[][]> => {
  const { stdout } = await execa('tshark', [
    ...['-r', file, '-d', 'udp.port==8472,vxlan', '-T', 'fields', '-E', 'occurrence=l'],
    ...names.flatMap((name) => ['-e', name]),
  ]);
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]));
};

/** What capinfos says a file is, or tshark's complaint. */
const isWhole = async (file: string): Promise<boolean> => (await execa('tshark', ['-r', file], { reject: false })).exitCode === 0;

const kept = (stderr: string): number => Number(/^kept (\d+) packets?/m.exec(stderr)?.[1] ?? Number.NaN);

const start = (args: string[]) =>
  execa(process.execPath, [main, 'capture', ...args], { reject: false, stdin: 'ignore', env: { NO_COLOR: '1' }, encoding: 'buffer' });

const until = async (what: string, condition: () => Promise<boolean> | boolean): Promise<void> => {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited 30 s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

const agents = async (): Promise<string> =>
  kubectl(['-n', 'kube-system', 'get', 'pods', '-l', 'app.kubernetes.io/managed-by=kubectl-netdoctor', '-o', 'name']);

describe(`capture${shark ? '' : ' (skipped: needs tshark)'}`, function () {
  this.timeout(120_000);
  let subjects: Subjects;
  let directory: string;
  let ends: [string, string];
  before(async function () {
    if (!shark) return this.skip();
    subjects = await findSubjects();
    ends = [nameOf(subjects.client), nameOf(subjects.server)];
    directory = await mkdtemp(join(tmpdir(), 'netdoctor-e2e-'));
    return undefined;
  });
  after(() => directory && rm(directory, { recursive: true, force: true }));
  afterEach(async () => expect(await agents()).to.equal(''));

  /** `node1 eth0` of every hop, there and back, that a capture on a node can see. */
  const hopsOf = (report: PathReport): string[] =>
    [...report.hops, ...report.back].filter(({ seen }) => (seen?.k ?? 0) > 0).map(({ node, interface: name }) => `${node} ${name}`);

  it('has every hop of the path, in order, each packet with its attempt', async () => {
    const file = join(directory, 'healthy.pcapng');
    const { exitCode, stdout, stderr } = await netdoctor(['capture', ...ends, '-w', file]);
    expect({ exitCode, stdout }).to.deep.equal({ exitCode: 0, stdout: '' });
    expect(stderr)
      .to.match(/^5 of 5 probes answered$/m)
      .and.match(/the kernel lost none/);
    const rows = await fields(file, 'frame.interface_name', 'frame.comment', 'frame.time_epoch', 'ip.version', 'tcp.dstport');
    expect(rows).to.have.length(kept(stderr));
    const times = rows.map(([, , time]) => Number(time));
    expect(times).to.deep.equal([...times].sort((a, b) => a - b));
    const first = rows.filter(([, comment]) => /^attempt 1 of 5: /.test(comment ?? '')).map(([name]) => name?.replace(/\/.*\//, ' '));
    expect(new Set(first)).to.deep.equal(new Set(hopsOf(await path(ends))));
    expect(rows.filter(([, comment]) => /attempt 5 of 5: reply at hop 1 of/.test(comment ?? ''))).to.have.length(1);
    // innermost headers are read at every hop, in the tunnel too
    const ofProbes = rows.filter(([, comment]) => comment?.startsWith('attempt'));
    expect(ofProbes.every(([, , , , port]) => port !== undefined && port !== '')).to.equal(true);
  });

  it('prints the same line by line without a file', async () => {
    const { stdout, stderr, exitCode } = await netdoctor(['capture', ...ends, '--count', '1', '--protocol', 'icmp']);
    expect(exitCode).to.equal(0);
    const lines = stdout.split('\n');
    expect(lines[1]).to.match(/^ +TIME +HOP +NODE +WHERE +INTERFACE +DIR +PROBE +PACKET$/);
    expect(lines.slice(2).filter((line) => /1 (request|reply) /.test(line)).length).to.be.at.least(8);
    expect(stdout)
      .to.match(/ping request 1/)
      .and.match(/ping reply 1/);
    expect(stderr).to.match(/^1 of 1 probe answered$/m);
  });

  it('streams into a pipe that a reader may close early', async () => {
    const { stdout } = await execa(
      `'${process.execPath}' '${main}' capture ${ends.join(' ')} --count 50 -w - 2>'${directory}/stderr' | head -c 2000 | wc -c; echo "\${PIPESTATUS[0]}"`,
      {
        shell: '/bin/bash',
        stdin: 'ignore',
      },
    );
    expect(stdout.split('\n')).to.deep.equal(['2000', '0']);
    expect(await readFile(join(directory, 'stderr'), 'utf8')).to.match(/^ended: nobody reads any more$/m);
  });

  it('streams into a pipe that reads as it goes', async () => {
    const { stdout } = await execa(
      `'${process.execPath}' '${main}' capture ${ends.join(' ')} --count 3 -w - 2>'${directory}/stderr' | tshark -r - -T fields -e frame.interface_name -e frame.comment`,
      { shell: '/bin/bash', stdin: 'ignore' },
    );
    const lines = stdout.split('\n');
    expect(lines).to.have.length(kept(await readFile(join(directory, 'stderr'), 'utf8')));
    expect(lines.filter((line) => /attempt 3 of 3: reply at hop 1 of/.test(line))).to.have.length(1);
  });

  it('into a file that cannot be made is said before anything is done', async () => {
    const { exitCode, stderr } = await netdoctor(['capture', 'a', 'b', '-w', join(directory, 'no', 'such', 'file')]);
    expect({ exitCode, stderr }).to.deep.equal({
      exitCode: 2,
      stderr: `error: cannot write ${join(directory, 'no', 'such', 'file')}: no such file or directory`,
    });
  });

  it('does not take a filter that libpcap does not, and names what is wrong with it', async () => {
    const { exitCode, stderr, stdout } = await netdoctor(['capture', ...ends, '--filter', 'tcp prot 80']);
    expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: '' });
    expect(stderr.split('\n')).to.have.length(1);
    expect(stderr).to.match(/^error: invalid argument "tcp prot 80" for "--filter": .*syntax error/);
  });

  it('takes a filter of its own beside the probes', async () => {
    const { stdout, stderr } = await netdoctor(['capture', ...ends, '--filter', 'tcp[13] = 2', '--no-headers']);
    expect(kept(stderr)).to.be.greaterThan(5);
    expect(stdout).to.include(' SYN').and.not.include('SYN ACK');
  });

  it('on a full disk keeps a valid file, says so, and exits with 8', async function () {
    const small = join(directory, 'small');
    await mkdir(small);
    const mounted = await execa('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', small], { reject: false });
    if (mounted.exitCode !== 0) return this.skip();
    try {
      const file = join(small, 'full.pcapng');
      const { exitCode, stderr } = await netdoctor(['capture', ...ends, '--count', '100', '-w', file]);
      expect(exitCode).to.equal(8);
      expect(stderr).to.include(`ended early: cannot write ${file}: no space left on the device`);
      expect(await isWhole(file)).to.equal(true);
      expect(await fields(file, 'frame.number')).to.have.length(kept(stderr));
    } finally {
      await execa('umount', [small]);
    }
    return undefined;
  });

  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    it(`after ${signal} keeps what it has as a valid file, and says how much`, async () => {
      const file = join(directory, `${signal}.pcapng`);
      const run = start([...ends, '--live', '-w', file]);
      const asking = askAgain(subjects.client, urlOf(subjects.server));
      try {
        // the head of the file comes first, then packets
        await until(
          'packets in the file',
          async () =>
            (await stat(file).then(
              ({ size }) => size,
              () => 0,
            )) > 10_000,
        );
        run.kill(signal);
        const { exitCode, stderr } = await run;
        const text = Buffer.from(stderr).toString();
        expect(exitCode).to.equal(128 + number);
        expect(text).to.match(/^ended early, as you asked$/m);
        expect(kept(text)).to.be.greaterThan(0);
        expect(await isWhole(file)).to.equal(true);
        expect(await fields(file, 'frame.number')).to.have.length(kept(text));
      } finally {
        await asking.stop();
      }
    });
  }

  it("--live follows users' traffic at every hop until --packets, while it goes on", async function () {
    if (!lab) return this.skip();
    const asking = askAgain(subjects.client, urlOf(subjects.server));
    try {
      const file = join(directory, 'live.pcapng');
      const { exitCode, stderr } = await netdoctor(['capture', ...ends, '--live', '--packets', '200', '-w', file]);
      expect({ exitCode, kept: kept(stderr) }).to.deep.equal({ exitCode: 0, kept: 200 });
      expect(stderr)
        .to.match(/ended at the limit of packets/)
        .and.not.match(/off the predicted way/);
      const rows = await fields(file, 'frame.interface_name', 'frame.comment', 'tcp.flags.str');
      expect(new Set(rows.map(([name]) => name?.replace(/\/.*\//, ' ')))).to.deep.equal(new Set(hopsOf(await path(ends))));
      // data, and not only the SYNs that probes are
      expect(rows.some(([, , flags]) => flags?.includes('P'))).to.equal(true);
    } finally {
      await asking.stop();
    }
    return undefined;
  });

  it('--live shows packets while it runs', async function () {
    if (!lab) return this.skip();
    const child = spawn(process.execPath, [main, 'capture', ...ends, '--live', '--duration', '60s'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    const asking = askAgain(subjects.client, urlOf(subjects.server));
    try {
      await until('a packet', () => / PSH ACK \d+ B/.test(seen));
      expect(child.exitCode).to.equal(null);
    } finally {
      child.kill('SIGINT');
      await asking.stop();
      await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(undefined)));
    }
    return undefined;
  });

  it('--live follows a Service through its translation to each endpoint', async function () {
    if (!lab) return this.skip();
    const asking = askAgain(subjects.client, 'http://web.demo.svc.cluster.local');
    try {
      const { stdout, stderr } = await netdoctor(['capture', '-n', 'demo', ends[0], 'svc/web', '--live', '--packets', '300']);
      expect(kept(stderr)).to.equal(300);
      const service = /→ svc demo\/web \(\[?([0-9a-f.:]+?)\]?:80\)/.exec(stdout)?.[1] ?? '';
      const pods = (await allPods()).filter(({ metadata }) => metadata.labels?.app === 'web').map(({ status }) => status.podIP ?? '');
      expect(stdout).to.include(service);
      expect(pods.filter((ip) => stdout.includes(ip))).to.not.deep.equal([]);
    } finally {
      await asking.stop();
    }
    return undefined;
  });

  it('says what makes no sense', async () => {
    const wrong: [string[], RegExp][] = [
      [['a'], /capture needs two ends/],
      [['a', 'b', '--duration', '3s'], /--duration goes with --live/],
      [['a', 'b', '--live', '--duration', '3'], /a duration with a unit/],
      [['a', 'b', '--packets', '0'], /"--packets"/],
      [['a', 'b', '--max-size', '1MB'], /"--max-size"/],
      [['a', 'b', '--snaplen', '10'], /"--snaplen"/],
      [['a', 'b', '--filter', ' '], /"--filter"/],
    ];
    for (const [args, message] of wrong) {
      const { exitCode, stderr, stdout } = await netdoctor(['capture', ...args]);
      expect({ exitCode, stdout }, args.join(' ')).to.deep.equal({ exitCode: 2, stdout: '' });
      expect(stderr).to.match(message);
    }
  });
});
