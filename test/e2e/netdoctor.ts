import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import type { PathReport, VethReport } from '../../src/report/report.ts';

const main = join(import.meta.dirname, '..', '..', 'build', 'main.cjs');

export interface Ran {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

/** Runs the built plugin as a user would, without a terminal; KUBECONFIG comes from the environment. */
export const netdoctor = async (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> => {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [main, ...args], {
    reject: false,
    env: { NO_COLOR: '1', ...env },
    stdin: 'ignore',
    timeout: 60_000,
  });
  return { exitCode, stdout, stderr };
};

export const document = async <T>(args: string[], env?: NodeJS.ProcessEnv): Promise<T> => {
  const { stdout, stderr, exitCode } = await netdoctor([...args, '-o', 'json'], env);
  if (stdout === '') throw new Error(`netdoctor ${args.join(' ')} printed no document (exit code ${exitCode}): ${stderr}`);
  return JSON.parse(stdout) as T;
};

/** Wherever the model and the packets disagree a test fails, whatever it asks. */
export const path = async (args: string[], env?: NodeJS.ProcessEnv): Promise<PathReport> => {
  const report = await document<PathReport>(['path', ...args], env);
  expect(report.disagreements, `netdoctor path ${args.join(' ')}`).to.deep.equal([]);
  return report;
};

export const veth = (args: string[], env?: NodeJS.ProcessEnv): Promise<VethReport> => document(['veth', ...args], env);
