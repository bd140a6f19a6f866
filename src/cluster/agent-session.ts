/** One way into a node (or, with an ephemeral container, into one pod): the only thing src/node and src/probe know of Kubernetes. */
export interface AgentSession {
  node: string;
  /** `pod` enters every netns of the node; `ephemeral` sees only its own pod's. */
  reach: 'node' | 'pod';
  /** `netdoctor-agent-x7k2p in kube-system (image …)`, for messages. */
  description: string;
  /**
   * Runs a POSIX sh script that travels on stdin with these positional arguments; nothing of it is ever part of a command line.
   * @throws AgentError when the connection is lost or the time is over; a script that exits non-zero is an answer, not an error.
   */
  run: (script: string, options: RunOptions) => Promise<RunResult>;
}

export interface RunOptions {
  /** Positional arguments `$1`…, passed as argv. */
  args?: string[];
  /** Killed on the node and given up here after this many milliseconds. */
  timeoutMs: number;
  /** Called with each chunk of stdout as it arrives: a capture announces its readiness so. */
  onStdout?: (chunk: Buffer) => void;
  /** The same of stderr. */
  onStderr?: (chunk: Buffer) => void;
  /** Leaves stdout to `onStdout` alone, for what never ends: the result's is empty. */
  streamed?: true;
  /** More stdin after the script, for a script that reads it. */
  input?: Buffer;
  signal?: AbortSignal;
}

export interface RunResult {
  exitCode: number;
  stdout: Buffer;
  stderr: string;
  durationMs: number;
}

/** The way into the node broke: not a fact about the network under test. */
export class AgentError extends Error {
  override name = 'AgentError';
  readonly node: string;
  readonly reason: 'lost' | 'timeout' | 'refused';
  constructor(node: string, reason: 'lost' | 'timeout' | 'refused', message: string) {
    super(message);
    this.node = node;
    this.reason = reason;
  }
}
