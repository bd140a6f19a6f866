import type { Registry } from '../cluster/agents/registry.ts';

/** The outside of one invocation, passed in so that a test can be it. */
export interface Context {
  env: NodeJS.ProcessEnv;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream & { fd: number };
  stderr: NodeJS.WriteStream;
  /** What must be undone before the process ends, whatever ends it. */
  registry: Registry;
}

/** 0 healthy, 1 problem found; 2 and up are CliError's (src/cluster/errors.ts). */
export type ExitCode = number;
