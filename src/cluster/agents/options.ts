/** How nodes are entered: the flags of `agentFlags`, defaults filled in. */
export interface AgentOptions {
  image: string;
  pullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  /** Names of Secrets in the agent namespace. */
  pullSecrets?: string[];
  namespace: string;
  /** Privileged from the start, instead of only when capabilities are refused or not enough. */
  privileged?: boolean;
  /** How long one agent may take to start, in milliseconds. */
  startTimeoutMs: number;
  /** After this many seconds the kubelet ends an agent whose netdoctor was killed. */
  deadlineSeconds: number;
}

/**
 * kube-system is there in every cluster, and the CNI's and kube-proxy's own pods, which need what an agent needs, run there: Pod Security
 * and quotas leave it alone where a user's namespace is often restricted.
 */
export const DEFAULT_AGENT_NAMESPACE = 'kube-system';
export const DEFAULT_START_TIMEOUT_MS = 30_000;
export const DEFAULT_DEADLINE_SECONDS = 300;
