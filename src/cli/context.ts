/** The outside of one invocation, passed in so that a test can be it. */
export interface Context {
  env: NodeJS.ProcessEnv;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
  signal: AbortSignal;
  /** Work that must be done before the process ends, whatever ends it: agents deleted. */
  atEnd: (work: () => Promise<void>) => void;
}

/** 0 healthy, 1 problem found; 2 and up are CliError's (src/cluster/errors.ts). */
export type ExitCode = number;
