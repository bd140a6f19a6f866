import { randomBytes } from 'node:crypto';
import { PassThrough, Writable } from 'node:stream';
import { Exec } from '@kubernetes/client-node/dist/exec.js';
import type { V1Status } from '@kubernetes/client-node/dist/gen/models/V1Status.js';
import { AgentError, type RunOptions, type RunResult } from '../agent-session.ts';
import { ApiError, CliError } from '../errors.ts';
import type { Connection } from '../kubeconfig/connection.ts';
import { execChannel, noKubeConfig } from './socket.ts';
import { wrap } from './wrapper.ts';

/** Where a command is run. */
export interface ExecPlace {
  node: string;
  namespace: string;
  pod: string;
  container: string;
}

/** stderr beyond this is cut: it is for messages. */
const MOST_STDERR = 256 * 1024;

/** A container that Kubernetes calls running may be unknown to the runtime for another moment. */
const CONNECT_TRIES = 4;
const RETRY_MS = 150;

/** 124 and 137 are timeout(1)'s own exit codes, 143 a command's that obeyed its TERM. */
const ENDED_BY_LIMIT = new Set([124, 137, 143]);

const exitCodeOf = (status: V1Status): number | undefined => {
  if (status.status === 'Success') return 0;
  if (status.reason !== 'NonZeroExitCode') return undefined;
  const cause = status.details?.causes?.find(({ reason }) => reason === 'ExitCode');
  return Number.parseInt(cause?.message ?? '', 10);
};

const collect = (onChunk: (chunk: Buffer) => void): Writable =>
  new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      onChunk(chunk);
      done();
    },
  });

const isTransient = (error: Error): boolean =>
  error instanceof ApiError && error.status >= 500 && /container not found|not running|not created/i.test(error.detail);

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A stdin that is never ended: to end it would close the whole connection with servers that speak v4. */
const openEnded = (content: Buffer): PassThrough => {
  const stream = new PassThrough();
  stream.write(content);
  return stream;
};

/** One connection, one command. Rejects with AgentError, or with the server's refusal. */
const runOnce = async (connection: Connection, place: ExecPlace, script: string, options: RunOptions, startedAt: number): Promise<RunResult> => {
  const { node, namespace, pod, container } = place;
  const leftMs = options.timeoutMs - (Date.now() - startedAt);
  const remote = wrap(
    script,
    options.args ?? [],
    options.input ?? Buffer.alloc(0),
    options.timeoutMs,
    `#netdoctor-${randomBytes(8).toString('hex')}`,
  );
  const chunks: Buffer[] = [];
  let stderr = '';
  const stdout = collect((chunk) => {
    if (!options.streamed) chunks.push(chunk);
    options.onStdout?.(chunk);
  });
  const errors = collect((chunk) => {
    options.onStderr?.(chunk);
    if (stderr.length < MOST_STDERR) stderr += chunk.toString('utf8');
  });
  const over = Promise.withResolvers<never>();
  const finished = Promise.withResolvers<V1Status>();
  const tooLong = (): AgentError => new AgentError(node, 'timeout', `no end within ${options.timeoutMs / 1000}s on ${node}`);
  const timer = setTimeout(() => over.reject(tooLong()), leftMs);
  const abort = (): void => over.reject(options.signal?.reason);
  options.signal?.addEventListener('abort', abort);
  if (options.signal?.aborted) abort();
  const end = new AbortController();
  try {
    const exec = new Exec(noKubeConfig, execChannel(connection, Math.min(leftMs, connection.requestTimeoutMs || leftMs), end.signal));
    const opened = exec.exec(namespace, pod, container, remote.command, stdout, errors, openEnded(remote.stdin), false, finished.resolve);
    const socket = await Promise.race([opened, over.promise]);
    socket.on('close', (code) => over.reject(new AgentError(node, 'lost', `the connection to ${pod} on ${node} was lost (${code})`)));
    const status = await Promise.race([finished.promise, over.promise]);
    const exitCode = exitCodeOf(status);
    if (exitCode === undefined) throw new AgentError(node, 'lost', status.message ?? `the command on ${node} ended without an exit code`);
    const durationMs = Date.now() - startedAt;
    if (ENDED_BY_LIMIT.has(exitCode) && durationMs >= options.timeoutMs) throw tooLong();
    return { exitCode, stdout: Buffer.concat(chunks), stderr, durationMs };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
    end.abort();
    // whoever lost a race must not become an unhandled rejection
    over.promise.catch(() => undefined);
  }
};

/**
 * Runs a script in a container: see AgentSession.run.
 * @throws AgentError
 */
export const runInContainer = async (connection: Connection, place: ExecPlace, script: string, options: RunOptions): Promise<RunResult> => {
  const startedAt = Date.now();
  for (let tries = 1; ; tries++) {
    try {
      return await runOnce(connection, place, script, options, startedAt);
    } catch (error) {
      if (!(error instanceof CliError) || options.signal?.aborted) throw error;
      if (tries === CONNECT_TRIES || !isTransient(error)) throw new AgentError(place.node, 'refused', error.message);
      await pause(RETRY_MS);
    }
  }
};
