import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { CliError, EXIT } from '../errors.ts';
import type { ClusterEntry, ExecEntry } from './config-file.ts';

/** status of an ExecCredential: a token, a client certificate, or both (PEM text). */
export interface ExecCredential {
  token?: string;
  clientCertificateData?: string;
  clientKeyData?: string;
}

/** A browser log-in needs its time; a plugin that waits for nothing must not hang a script for ever. */
const PLUGIN_TIMEOUT_MS = 120_000;

const clusterInfo = (cluster: ClusterEntry): Record<string, unknown> => {
  const file = cluster['certificate-authority'];
  const data = cluster['certificate-authority-data'] ?? (file ? readFileSync(file).toString('base64') : undefined);
  return {
    server: cluster.server,
    'certificate-authority-data': data,
    'insecure-skip-tls-verify': cluster['insecure-skip-tls-verify'],
    'tls-server-name': cluster['tls-server-name'],
    'proxy-url': cluster['proxy-url'],
    config: cluster.extensions?.find(({ name }) => name === 'client.authentication.k8s.io/exec')?.extension,
  };
};

/** What the plugin reads in KUBERNETES_EXEC_INFO. */
const execInfo = (exec: ExecEntry, cluster: ClusterEntry, interactive: boolean): string =>
  JSON.stringify({
    apiVersion: exec.apiVersion ?? 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: { interactive, ...(exec.provideClusterInfo ? { cluster: clusterInfo(cluster) } : {}) },
  });

const failed = (why: string): CliError => new CliError(`Unable to connect to the server: getting credentials: ${why}`, EXIT.access);

const readCredential = (exec: ExecEntry, output: string): ExecCredential => {
  let parsed: { kind?: string; status?: ExecCredential };
  try {
    parsed = JSON.parse(output) as typeof parsed;
  } catch {
    throw failed(`exec plugin ${exec.command} printed no ExecCredential`);
  }
  const { status } = parsed;
  if (!status) throw failed(`exec plugin ${exec.command} didn't return a status field`);
  if (!status.token && !(status.clientCertificateData && status.clientKeyData))
    throw failed(`exec plugin ${exec.command} didn't return a token or cert/key pair`);
  return status;
};

/**
 * Runs a credential plugin once; its stderr (device codes, warnings) goes to the user's terminal.
 * @throws CliError when it is missing, fails, or answers nothing usable
 */
export const runExecPlugin = async (exec: ExecEntry, cluster: ClusterEntry, env: NodeJS.ProcessEnv): Promise<ExecCredential> => {
  const mode = exec.interactiveMode ?? 'IfAvailable';
  const interactive = mode !== 'Never' && process.stdin.isTTY === true;
  if (mode === 'Always' && !interactive)
    throw failed(`exec plugin ${exec.command} cannot support interactive mode: standard input is not a terminal`);
  const extra = Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value]));
  const child = spawn(exec.command, exec.args ?? [], {
    env: { ...env, ...extra, KUBERNETES_EXEC_INFO: execInfo(exec, cluster, interactive) },
    stdio: [interactive ? 'inherit' : 'ignore', 'pipe', 'inherit'],
    // not `timeout`: its timer outlives a program that could not even be started, and keeps the process alive
    signal: AbortSignal.timeout(PLUGIN_TIMEOUT_MS),
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, string> = {
        ENOENT: 'not found',
        EACCES: 'cannot be run: permission denied',
        ABORT_ERR: `did not end within ${PLUGIN_TIMEOUT_MS / 1000}s`,
      };
      const why = `executable ${exec.command} ${reasons[error.code ?? ''] ?? error.message}`;
      reject(failed(`exec: ${why}${exec.installHint ? `\n\n${exec.installHint}` : ''}`));
    });
    child.on('close', (exit, signal) => resolve(exit ?? signal ?? 'unknown'));
  });
  if (code !== 0) throw failed(`exec: executable ${exec.command} failed with exit code ${code}`);
  return readCredential(exec, Buffer.concat(chunks).toString('utf8'));
};
