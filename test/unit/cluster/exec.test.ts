import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { AgentError, type RunOptions, type RunResult } from '../../../src/cluster/agent-session.ts';
import { runInContainer } from '../../../src/cluster/exec/exec.ts';
import { connect } from '../../../src/cluster/kubeconfig/connection.ts';
import { CA_FILE, exitStatus, type FakeApi, runHere, startFakeApi, status } from './fake-api.ts';

const place = { node: 'node1', namespace: 'kube-system', pod: 'agent-1', container: 'agent' };

type Setup = Parameters<typeof startFakeApi>[0];

describe('a script run in a container', () => {
  let api: FakeApi | undefined;

  const run = async (setup: Setup, script: string, options: Partial<RunOptions> = {}): Promise<RunResult> => {
    api = await startFakeApi(setup);
    const connection = await connect({ server: api.url, kubeconfig: '/dev/null', ...(setup.tls ? { certificateAuthority: CA_FILE } : {}) }, {});
    return runInContainer(connection, place, script, { timeoutMs: 5000, ...options }).finally(connection.close);
  };

  const failure = async (promise: Promise<unknown>): Promise<AgentError> => {
    const error = await promise.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(AgentError);
    return error as AgentError;
  };

  afterEach(() => api?.close());

  const shells = [['sh'], ['bash'], ['dash'], ['busybox', 'sh']].filter(([program = '']) =>
    ['/bin', '/usr/bin'].some((at) => existsSync(`${at}/${program}`)),
  );
  for (const shell of shells)
    describe(`by ${shell.join(' ')}`, () => {
      it('answers with output, messages and exit code', async () => {
        const result = await run({ exec: runHere(shell) }, 'echo out; echo err >&2; exit 7');
        expect(result).to.include({ exitCode: 7, stderr: 'err\n' });
        expect(result.stdout.toString()).to.equal('out\n');
      });

      it('gets its arguments as they are', async () => {
        const args = ['', ' two  words ', '$(reboot) `x` "q" \'s\' \\n \\', '-n', 'ü', '*'];
        const result = await run({ exec: runHere(shell) }, 'printf "%s|" "$#" "$@"', { args });
        expect(result.stdout.toString()).to.equal(`6|${args.join('|')}|`);
      });

      it('keeps backslashes, leading blanks and empty lines', async () => {
        const script = "cat <<'END'\n  a\\tb\n\n\t$x `y` \\\nEND\nprintf '%s' \"a\\\\b\"";
        const result = await run({ exec: runHere(shell) }, script);
        expect(result.stdout.toString()).to.equal('  a\\tb\n\n\t$x `y` \\\na\\b');
      });

      it('reads its input, and nothing of the script', async () => {
        const result = await run({ exec: runHere(shell) }, 'cat; echo "rc $?"', { input: Buffer.from('one\ntwo') });
        expect(result.stdout.toString()).to.equal('one\ntworc 0\n');
      });

      it('reads an end of file without input', async () => {
        const result = await run({ exec: runHere(shell) }, 'cat; echo end');
        expect(result.stdout.toString()).to.equal('end\n');
      });

      it('may be longer than one argument of a program', async () => {
        const script = `${'# a comment to fill the script with some more bytes\n'.repeat(4000)}echo "$1"`;
        const result = await run({ exec: runHere(shell) }, script, { args: ['whole'] });
        expect(result.stdout.toString()).to.equal('whole\n');
      });
    });

  it('works with servers that cannot close stdin (v4)', async () => {
    const result = await run({ exec: runHere(), protocol: 'v4.channel.k8s.io' }, 'wc -c; cat', { input: Buffer.alloc(100_000, 'x') });
    expect(result.stdout.toString().trim()).to.equal('100000');
  });

  it('works over TLS with the one connection pool', async () => {
    const result = await run({ exec: runHere(), tls: true }, 'echo secure');
    expect(result.stdout.toString()).to.equal('secure\n');
  });

  it('hands output on while it comes', async () => {
    const seen: string[] = [];
    await run({ exec: runHere() }, 'echo ready; sleep 0.3; echo done', { onStdout: (chunk) => seen.push(`${chunk}`) });
    expect(seen).to.deep.equal(['ready\n', 'done\n']);
  });

  it('keeps arguments and script out of the URL', async () => {
    await run({ exec: runHere() }, 'true # hidden-script', { args: ['hidden-argument'] });
    expect(api?.calls[0]?.query.toString()).not.to.match(/hidden/);
  });

  it('ends a script that takes too long, on both sides', async () => {
    const error = await failure(run({ exec: runHere() }, 'sleep 30', { timeoutMs: 400 }));
    expect(error.reason).to.equal('timeout');
  });

  it('reports a connection that is cut in the middle', async () => {
    const error = await failure(run({ exec: (_socket, _command, raw) => setTimeout(() => raw.destroy(), 100) }, 'sleep 20', { timeoutMs: 20_000 }));
    expect(error.reason).to.equal('lost');
  });

  it('reports a server that goes silent without a word', async () => {
    const error = await failure(run({ exec: (_socket, _command, raw) => raw.pause() }, 'sleep 20', { timeoutMs: 20_000 }));
    expect(error.reason).to.equal('lost');
  });

  it('reports a close that came without a status', async () => {
    const error = await failure(run({ exec: (socket) => socket.close(1000) }, 'true'));
    expect(error.reason).to.equal('lost');
  });

  it('survives a CLOSE frame of the server', async () => {
    const exec: Setup['exec'] = (socket) => {
      socket.send(Buffer.from([255, 1]));
      socket.send(exitStatus(0));
    };
    expect((await run({ exec }, 'true')).exitCode).to.equal(0);
  });

  it("gives the server's reason when exec is forbidden", async () => {
    const refuseExec = (): ReturnType<typeof status> => status(403, 'Forbidden', 'pods "agent-1" is forbidden: cannot create resource "pods/exec"');
    const error = await failure(run({ refuseExec }, 'true'));
    expect(error.reason).to.equal('refused');
    expect(error.message).to.equal('Error from server (Forbidden): pods "agent-1" is forbidden: cannot create resource "pods/exec"');
  });

  it('tries again while the runtime does not know the container yet', async () => {
    const refuseExec = (tries: number): ReturnType<typeof status> | undefined =>
      tries < 3 ? status(500, 'InternalError', 'unable to upgrade connection: container not found ("agent")') : undefined;
    expect((await run({ refuseExec, exec: runHere() }, 'exit 0')).exitCode).to.equal(0);
    expect(api?.calls.length).to.equal(3);
  });

  it('says that the server refused the connection', async () => {
    const connection = await connect({ server: 'http://127.0.0.1:9', kubeconfig: '/dev/null' }, {});
    const error = await failure(runInContainer(connection, place, 'true', { timeoutMs: 1000 }));
    expect(error.message).to.contain('The connection to the server 127.0.0.1:9 was refused');
    connection.close();
  });

  it('ends when it is aborted', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 100);
    const error = await run({ exec: runHere() }, 'sleep 10', { signal: controller.signal }).catch((reason: unknown) => reason);
    expect((error as Error).message).to.equal('enough');
  });

  it('refuses an argument with a line break', async () => {
    const error = await run({ exec: runHere() }, 'true', { args: ['a\nb'] }).catch((reason: unknown) => reason);
    expect((error as Error).message).to.contain('line break');
  });
});
