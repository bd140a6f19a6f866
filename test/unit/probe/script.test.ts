import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { AgentSession } from '../../../src/cluster/agent-session.ts';
import { runProbes } from '../../../src/probe/live/run-probes.ts';
import { createSessionMark, portBlock } from '../../../src/probe/live/session-mark.ts';
import { type ProbeRequest, passes } from '../../../src/probe/probe.ts';
import { armTaps } from '../../../src/probe/tap/arm-taps.ts';
import { parseTaps, type TapRequest } from '../../../src/probe/tap/tap-output.ts';
import { localSession } from './local-session.ts';

const which = (tool: string): string => spawnSync('which', [tool], { encoding: 'utf8' }).stdout.trim();

const BASICS = ['sh', 'timeout', 'tr', 'sleep', 'cat', 'head', 'true', 'nsenter', 'mktemp', 'mkfifo', 'grep', 'wc', 'gzip', 'rm', 'ip'];

describe('the scripts on a node', () => {
  let server: Server;
  let port = 0;
  const folders: string[] = [];
  before((done) => {
    server = createServer((socket) => socket.end()).listen(0, '127.0.0.1', () => {
      port = (server.address() as AddressInfo).port;
      done();
    });
  });
  after(() => {
    server.close();
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  /** A node that has these programs only; `busybox` stands in for those that are not named. */
  const nodeWith = (tools: string[], busybox: string[] = []): AgentSession => {
    const folder = mkdtempSync(join(tmpdir(), 'ndtap-'));
    folders.push(folder);
    for (const tool of tools) symlinkSync(which(tool), join(folder, tool));
    for (const tool of busybox) symlinkSync(which('busybox'), join(folder, tool));
    return localSession('here', ['env', '-i', `PATH=${folder}`]);
  };
  const request = (protocol: ProbeRequest['protocol'], more: Partial<ProbeRequest> = {}): ProbeRequest => ({
    id: protocol,
    purpose: 'main',
    node: 'here',
    from: { netns: 'host' },
    fromLabel: 'here',
    toLabel: 'here',
    destination: '127.0.0.1',
    protocol,
    port,
    count: 3,
    timeoutMs: 1000,
    ...more,
  });

  it('connect with bash where socat is missing', async function () {
    if (!which('bash')) this.skip();
    const results = await runProbes(nodeWith([...BASICS, 'bash']), [request('tcp'), request('tcp', { port: 1 }), request('udp')], {
      mark: createSessionMark(),
    });
    expect(results.map(passes)).to.deep.equal([true, false, false]);
    expect(results[1]?.attempts.map(({ outcome }) => outcome)).to.deep.equal(['refused', 'refused', 'refused']);
    expect(results[2]?.notRun).to.equal('no socat on this node');
  });

  it('run in busybox too', async function () {
    if (!which('busybox')) this.skip();
    const mark = createSessionMark();
    const alone = await runProbes(nodeWith([], [...BASICS, 'nc', 'ping']), [request('tcp')], { mark });
    const [first] = alone;
    // Not every busybox has nc -z.
    expect(first && (passes(first) || first.notRun), JSON.stringify(first)).to.be.oneOf([true, 'no socat, bash or nc on this node']);
    if (!which('socat')) this.skip();
    const [open, closed] = await runProbes(nodeWith(['socat'], BASICS), [request('tcp'), request('tcp', { port: 1 })], { mark });
    expect(open && passes(open), JSON.stringify(open)).to.equal(true);
    expect(closed?.attempts.map(({ outcome }) => outcome)).to.deep.equal(['refused', 'refused', 'refused']);
  });

  it('say what is missing', async () => {
    const mark = createSessionMark();
    const results = await runProbes(nodeWith(BASICS), [request('tcp'), request('icmp'), request('tcp', { from: { netns: 'pid', pid: 2 ** 30 } })], {
      mark,
    });
    expect(results.map(({ notRun }) => notRun)).to.deep.equal([
      'no socat, bash or nc on this node',
      'no ping on this node',
      'process 1073741824 is gone',
    ]);
    const [none] = await runProbes(nodeWith(BASICS.filter((tool) => tool !== 'timeout')), [request('tcp')], { mark });
    expect(none?.notRun).to.be.a('string');
  });

  it('find another source port when one is taken', async function () {
    if (!which('socat')) this.skip();
    const mark = createSessionMark(0x0a0b);
    const holder = createServer().listen(portBlock(mark.number) + 1, '0.0.0.0');
    try {
      const [result] = await runProbes(nodeWith([...BASICS, 'socat']), [request('tcp')], { mark });
      expect(result && passes(result), JSON.stringify(result)).to.equal(true);
      const other = (result?.attempts[1]?.sourcePort ?? 0) - portBlock(mark.number);
      expect(other).to.be.within(0, 255).and.not.equal(1);
    } finally {
      holder.close();
    }
  });

  const here: TapRequest[] = [{ node: 'here', netns: '1', from: { netns: 'host' } }];
  const filter = { mark: 1, addresses: [], ports: [] };

  it('that cannot capture say why, at once', async () => {
    const armed = await armTaps(nodeWith(BASICS), here, { filter, maxSeconds: 5 });
    expect(parseTaps(await armed.stop())[0]?.notSeen).to.equal('no tcpdump on this node');
  });

  it('capture in busybox too', async function () {
    if (process.getuid?.() !== 0 || !which('tcpdump') || !which('busybox')) this.skip();
    const armed = await armTaps(
      nodeWith(
        ['tcpdump', 'ip'],
        BASICS.filter((tool) => tool !== 'ip'),
      ),
      here,
      { filter, maxSeconds: 5 },
    );
    const [capture] = parseTaps(await armed.stop());
    expect(capture?.notSeen).to.equal(undefined);
  });

  it('that cannot enter a netns say so and still capture in the others', async function () {
    if (process.getuid?.() !== 0 || !which('tcpdump')) this.skip();
    const gone: TapRequest = { node: 'here', netns: '2', from: { netns: 'pid', pid: 2 ** 30 } };
    const armed = await armTaps(localSession('here'), [...here, gone], { filter, maxSeconds: 5 });
    const [good, bad] = parseTaps(await armed.stop());
    expect(good?.notSeen).to.equal(undefined);
    expect(bad?.notSeen).to.match(/nsenter/);
  });

  it('that capture end by themselves and leave nothing behind', async function () {
    if (process.getuid?.() !== 0 || !which('tcpdump')) this.skip();
    let folder = '';
    const session = localSession('here');
    const watched: AgentSession = {
      ...session,
      run: (script, options) =>
        session.run(script, {
          ...options,
          onStdout: (chunk) => {
            folder ||= /ready (\S+)/.exec(chunk.toString())?.[1] ?? '';
            options.onStdout?.(chunk);
          },
        }),
    };
    const armed = await armTaps(watched, here, { filter, maxSeconds: 1 });
    expect(existsSync(folder)).to.equal(true);
    const limit = Date.now() + 8000;
    while (existsSync(folder) && Date.now() < limit) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(existsSync(folder)).to.equal(false);
    expect(parseTaps(await armed.stop())[0]?.notSeen).to.equal(undefined);
  });

  it('end what was lost on the way', async () => {
    const lost: AgentSession = {
      ...localSession('here'),
      run: async () => ({ exitCode: 125, stdout: Buffer.alloc(0), stderr: 'sh: not found', durationMs: 1 }),
    };
    const armed = await armTaps(lost, here, { filter, maxSeconds: 1 });
    expect(parseTaps(await armed.stop())[0]?.notSeen).to.equal('sh: not found');
    const [result] = await runProbes(lost, [request('tcp')], { mark: createSessionMark() });
    expect(result?.notRun).to.be.a('string');
  });
});
