import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { allPods, findSubjects, kubectl, lab, nameOf, type Subjects } from './cluster.ts';
import { netdoctor } from './netdoctor.ts';

const MINE = ['-n', 'kube-system', 'get', 'pods', '-l', 'app.kubernetes.io/managed-by=kubectl-netdoctor', '-o', 'name'];

const agents = async (): Promise<string[]> => (await kubectl(MINE)).split('\n').filter((line) => line !== '');

/** Polls until true. */
const until = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited 20 s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

describe('what netdoctor makes in the cluster', function () {
  this.timeout(90_000);
  let subjects: Subjects;
  before(async () => {
    subjects = await findSubjects();
  });

  it('is gone after a run', async () => {
    await netdoctor(['path', nameOf(subjects.client), nameOf(subjects.server)]);
    expect(await agents()).to.deep.equal([]);
  });

  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    it(`is gone after ${signal}, and the exit code says so`, async () => {
      const run = execa(
        process.execPath,
        [
          join(import.meta.dirname, '../../build/main.cjs'),
          'path',
          nameOf(subjects.client),
          nameOf(subjects.server),
          '--timeout',
          '20s',
          '--port',
          '1',
          '--protocol',
          'udp',
        ],
        { reject: false, stdin: 'ignore' },
      );
      await until('an agent', async () => (await agents()).length > 0);
      run.kill(signal);
      const { exitCode } = await run;
      expect(exitCode).to.equal(128 + number);
      await until('the agents to be gone', async () => (await agents()).length === 0);
    });
  }

  it('is gone from the kernel, too, when the probes are interrupted', async function () {
    if (!lab) return this.skip();
    const { nodeExec, plan } = lab;
    const traces = async (): Promise<string[]> => {
      const { stdout } = await nodeExec('node1', ['unshare', '-m', 'sh', '-c', 'mount -t tracefs nodev /mnt && ls /mnt/instances']);
      return stdout.split('\n').filter((name) => name.startsWith('netdoctor-'));
    };
    // the kernel may be shared with other labs
    const before = await traces();
    // a pod address that nobody has: its node takes seconds to find out
    const nobody = (plan.nodes[1]?.podCidr[plan.families[0] ?? 4] ?? '').replace(/\/.*/, '').replace(/0?$/, '250');
    const run = execa(
      process.execPath,
      [
        join(import.meta.dirname, '../../build/main.cjs'),
        'path',
        nameOf(subjects.client),
        nobody,
        '--protocol',
        'udp',
        '--port',
        '9',
        '--timeout',
        '20s',
      ],
      { reject: false, stdin: 'ignore' },
    );
    await until('an agent', async () => (await agents()).length > 0);
    let own: string[] = [];
    await until('a trace in the kernel', async () => {
      own = (await traces()).filter((name) => !before.includes(name));
      return own.length > 0;
    });
    run.kill('SIGINT');
    expect((await run).exitCode).to.equal(130);
    // long before its own deadline would end it
    await until('the trace to be gone', async () => (await traces()).every((name) => !own.includes(name)));
  });

  it('is found and removed by cleanup after kill -9', async () => {
    const run = execa(
      process.execPath,
      [join(import.meta.dirname, '../../build/main.cjs'), 'path', nameOf(subjects.client), nameOf(subjects.server)],
      { reject: false, stdin: 'ignore' },
    );
    await until('an agent', async () => (await agents()).length > 0);
    run.kill('SIGKILL');
    await run;
    const left = await agents();
    expect(left).to.not.deep.equal([]);
    const { stdout, exitCode } = await netdoctor(['cleanup']);
    expect(exitCode).to.equal(0);
    for (const name of left) expect(stdout).to.include(name.replace('pod/', ''));
    await until('the agents to be gone', async () => (await agents()).length === 0);
  });

  it('does not disturb another run at the same time', async () => {
    const runs = await Promise.all([1, 2, 3].map(() => netdoctor(['path', nameOf(subjects.client), nameOf(subjects.server)])));
    expect(runs.map(({ exitCode }) => exitCode)).to.deep.equal([0, 0, 0]);
    expect(await agents()).to.deep.equal([]);
  });
});

describe('what cannot be done is one clear message', function () {
  this.timeout(90_000);
  let subjects: Subjects;
  before(async () => {
    subjects = await findSubjects();
  });
  const ask = (...args: string[]): ReturnType<typeof netdoctor> => netdoctor(['path', nameOf(subjects.client), nameOf(subjects.server), ...args]);

  it('an image that cannot be pulled: within seconds, with the way out', async () => {
    const { exitCode, stderr } = await ask('--image', 'registry.invalid/none:1', '--image-pull-policy', 'Never');
    expect(exitCode).to.equal(7);
    expect(stderr)
      .to.match(/registry\.invalid\/none:1 cannot be pulled \(ErrImageNeverPull/)
      .and.match(/--image/);
    expect(await agents()).to.deep.equal([]);
  });

  it('a namespace whose Pod Security refuses agents: nothing is created', async () => {
    await kubectl(['create', 'namespace', 'nd-e2e-restricted']);
    try {
      await kubectl(['label', 'namespace', 'nd-e2e-restricted', 'pod-security.kubernetes.io/enforce=restricted']);
      const { exitCode, stderr } = await ask('--agent-namespace', 'nd-e2e-restricted');
      expect(exitCode).to.equal(4);
      expect(stderr)
        .to.match(/PodSecurity/)
        .and.match(/--agent-namespace/)
        .and.match(/--agent ephemeral/);
      expect(await kubectl(['-n', 'nd-e2e-restricted', 'get', 'pods', '-o', 'name'])).to.equal('');
    } finally {
      await kubectl(['delete', 'namespace', 'nd-e2e-restricted', '--wait=false']);
    }
  });

  it('a user who may not make pods', async () => {
    const { exitCode, stderr } = await ask('--as', 'nobody-in-particular');
    expect(exitCode).to.equal(4);
    expect(stderr).to.match(/^Error from server \(Forbidden\): /);
  });

  it('a name that does not exist: the nearest one is named', async () => {
    const { exitCode, stderr, stdout } = await netdoctor(['path', nameOf(subjects.client), `${nameOf(subjects.server).slice(0, -1)}`]);
    expect(stdout).to.equal('');
    expect(exitCode).to.equal(5);
    expect(stderr.split('\n')).to.have.length(1);
    expect(stderr).to.match(/not found.*did you mean/);
  });

  const usage: [title: string, args: string[], message: RegExp][] = [
    ['no target', ['path', 'a'], /path needs two ends/],
    ['an unknown flag', ['path', 'a', 'b', '--prot', 'tcp'], /unknown argument: prot/],
    ['an unknown command', ['pth', 'a', 'b'], /did you mean path/i],
    ['a port that is none', ['path', 'a', 'b', '--port', '70000'], /ports go from 1 to 65535/],
    ['a protocol that is none', ['path', 'a', 'b', '--protocol', 'gre'], /protocol/],
    ['an unknown context', ['path', 'a', 'b', '--context', 'nowhere'], /context "nowhere" does not exist/],
    ['a kubeconfig that is not there', ['path', 'a', 'b', '--kubeconfig', '/nonexistent/config'], /\/nonexistent\/config/],
    ['a bundle that is not there', ['path', '--from', '/nonexistent.tgz'], /cannot read \/nonexistent\.tgz: no such file/],
  ];
  for (const [title, args, message] of usage) {
    it(title, async () => {
      const { exitCode, stderr, stdout } = await netdoctor(args);
      expect(stdout).to.equal('');
      expect(stderr).to.match(message);
      expect(exitCode).to.equal(2);
    });
  }

  it('an API server that does not answer', async () => {
    const { exitCode, stderr } = await netdoctor(['path', 'a', 'b', '--server', 'https://127.0.0.1:1', '--request-timeout', '3s']);
    expect(exitCode).to.equal(3);
    expect(stderr).to.equal('The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?');
  });
});

describe('--agent ephemeral', function () {
  this.timeout(90_000);

  it('asks first, and without a terminal says how to confirm', async () => {
    const { client, server } = await findSubjects();
    const { exitCode, stderr } = await netdoctor(['path', nameOf(client), nameOf(server), '--agent', 'ephemeral']);
    expect(exitCode).to.equal(2);
    expect(stderr)
      .to.match(/ephemeral container/)
      .and.match(/--yes/);
  });

  it('gives the view of the pods and says what it could not see', async function () {
    if (!lab) return this.skip();
    await kubectl(['-n', 'demo', 'apply', '-f', '-'], throwaway);
    try {
      await kubectl(['-n', 'demo', 'wait', '--for=condition=Ready', 'pod/nd-throwaway', '--timeout=60s']);
      const { exitCode, stdout } = await netdoctor(['path', '-n', 'demo', 'nd-throwaway', 'node/node2', '--agent', 'ephemeral', '--yes']);
      expect(stdout)
        .to.match(/nd-throwaway reaches node node2/)
        .and.match(/Not checked:/);
      expect(exitCode).to.equal(0);
      const pod = (await allPods()).find(({ metadata }) => metadata.name === 'nd-throwaway');
      expect(JSON.stringify(pod)).to.include('ephemeralContainers');
    } finally {
      await kubectl(['-n', 'demo', 'delete', 'pod', 'nd-throwaway', '--grace-period=0', '--force']);
    }
    return undefined;
  });
});

const throwaway = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'nd-throwaway' },
  spec: {
    nodeName: 'node1',
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: 'lab.example/test:1', imagePullPolicy: 'Never', command: ['sleep', '600'] }],
  },
});
