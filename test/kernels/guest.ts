import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { AgentError, type AgentSession, type RunOptions, type RunResult } from '../../src/cluster/agent-session.ts';
import { wrap } from '../../src/cluster/exec/wrapper.ts';
import { waitFor } from '../lab/clock.ts';
import type { UnpackedKernel } from './fetch.ts';

/** A virtual machine under emulation, with a way in. */
export interface Guest {
  /** Seconds from power-on to the first command. */
  bootSeconds: number;
  /** Runs sh in the guest. @throws Error when it fails */
  sh: (script: string) => Promise<string>;
  /** A session whose node is the namespaces of this process of the guest. */
  session: (node: string, pid: number) => AgentSession;
  stop: () => Promise<void>;
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('this machine gave no port');
  return address.port;
};

interface Said {
  stdout: Buffer;
  exitCode: number;
  stderr: string;
}

/** Takes the trailer of serve.sh off the output. */
const readReply = (output: Buffer): Said | undefined => {
  const at = output.lastIndexOf('\n@guest ');
  const [, code, size] = /^\n@guest (\d+) (\d+)\n/.exec(output.toString('latin1', at, at + 64)) ?? [];
  if (at < 0 || code === undefined) return undefined;
  return { stdout: output.subarray(0, at), exitCode: Number(code), stderr: output.toString('utf8', output.length - Number(size)) };
};

const speak = (
  port: number,
  pid: number,
  words: string[],
  input: Buffer,
  options: Pick<RunOptions, 'timeoutMs' | 'onStdout' | 'signal'>,
): Promise<Said> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new Error(reason));
    };
    const timer = setTimeout(() => fail(`no answer in ${options.timeoutMs} ms`), options.timeoutMs);
    options.signal?.addEventListener('abort', () => fail('aborted'), { once: true });
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      options.onStdout?.(chunk);
    });
    socket.once('error', (error) => fail(error.message));
    socket.once('close', () => {
      clearTimeout(timer);
      const reply = readReply(Buffer.concat(chunks));
      if (reply) resolve(reply);
      else reject(new Error('the connection ended early'));
    });
    const head = [String(pid), String(words.length), ...words.map((word) => Buffer.from(word).toString('base64'))];
    socket.write(Buffer.concat([Buffer.from(`${head.join('\n')}\n`), input]));
  });

const session = (port: number, node: string, pid: number): AgentSession => ({
  node,
  reach: 'node',
  description: `a guest as ${node}`,
  run: async (script, options): Promise<RunResult> => {
    const started = performance.now();
    const remote = wrap(script, options.args ?? [], options.input ?? Buffer.alloc(0), options.timeoutMs, '#netdoctor-end');
    try {
      return { ...(await speak(port, pid, remote.command, remote.stdin, options)), durationMs: performance.now() - started };
    } catch (error) {
      throw new AgentError(node, 'lost', `${node}: ${error instanceof Error ? error.message : error}`);
    }
  },
});

/** Resolves when the guest says that it is ready. */
const ready = (qemu: ChildProcess, log: string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    qemu.stdout?.on('data', (chunk: Buffer) => {
      log.push(chunk.toString('latin1'));
      if (/guest: ready/.test(log.join(''))) resolve();
    });
    qemu.stderr?.on('data', (chunk: Buffer) => log.push(chunk.toString('latin1')));
    qemu.once('exit', (code) => reject(new Error(`qemu ended with ${code}:\n${log.join('').slice(-2000)}`)));
  });

/** Longest time that an emulated machine may take to start. */
const PATIENCE_MS = 300_000;

/** Boots a kernel without hardware virtualisation: any machine can do it, some tens of seconds slower. */
export const boot = async (kernel: UnpackedKernel, initramfs: string): Promise<Guest> => {
  const port = await freePort();
  const started = performance.now();
  const log: string[] = [];
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '1536', '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
      ...['-serial', 'stdio', '-kernel', kernel.image, '-initrd', initramfs],
      ...['-append', 'console=ttyS0 quiet panic=-1 rdinit=/guest/init'],
      ...['-netdev', `user,id=host,restrict=on,hostfwd=tcp:127.0.0.1:${port}-10.0.2.15:5000`, '-device', 'virtio-net-pci,netdev=host,romfile='],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const stop = async (): Promise<void> => {
    if (qemu.exitCode !== null || qemu.signalCode !== null) return;
    qemu.kill('SIGKILL');
    await once(qemu, 'exit');
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the guest was not ready in ${PATIENCE_MS / 1000} s:\n${log.join('').slice(-2000)}`)), PATIENCE_MS);
  });
  try {
    await Promise.race([ready(qemu, log), late]);
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const sh = async (script: string): Promise<string> => {
    const { stdout, stderr, exitCode } = await speak(port, 0, ['sh', '-ec', script], Buffer.alloc(0), { timeoutMs: 120_000 });
    if (exitCode !== 0) throw new Error(`failed in the guest (${exitCode}): ${stderr}`);
    return stdout.toString();
  };
  // it says so just before it listens
  await waitFor('an answer of the guest', async () => (await sh('echo here')) === 'here\n');
  return {
    bootSeconds: (performance.now() - started) / 1000,
    sh,
    session: (node, pid) => session(port, node, pid),
    stop,
  };
};
