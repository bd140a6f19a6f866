import { spawn } from 'node:child_process';
import { AgentError, type AgentSession, type RunOptions, type RunResult } from '../../../src/cluster/agent-session.ts';
import { wrap } from '../../../src/cluster/exec/wrapper.ts';

const run = (node: string, command: string[], script: string, options: RunOptions): Promise<RunResult> =>
  new Promise((resolve, reject) => {
    const started = performance.now();
    const remote = wrap(script, options.args ?? [], options.input ?? Buffer.alloc(0), options.timeoutMs, '#netdoctor-end');
    const [program = 'sh', ...words] = [...command, ...remote.command];
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], ...(options.signal ? { signal: options.signal } : {}) });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new AgentError(node, 'timeout', `${node} did not answer in ${options.timeoutMs} ms`));
    }, options.timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => {
      if (!options.streamed) stdout.push(chunk);
      options.onStdout?.(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      options.onStderr?.(chunk);
      stderr.push(chunk);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      const durationMs = performance.now() - started;
      resolve({ exitCode: code ?? 255, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString(), durationMs });
    });
    // a script that ends before it was read to the end is its own matter
    child.stdin.on('error', () => undefined);
    child.stdin.end(remote.stdin);
  });

/** A session whose node is this machine, or one of its network namespaces: `localSession('node1', ['ip', 'netns', 'exec', 'x'])`. */
export const localSession = (node: string, command: string[] = []): AgentSession => ({
  node,
  reach: 'node',
  description: `this machine as ${node}`,
  run: (script, options) => run(node, command, script, options),
});
