/** kubectl's global flags (genericclioptions.ConfigFlags): each overrules what the kubeconfig says. */
export interface ConnectionOptions {
  /** Path of the only kubeconfig to read; without it KUBECONFIG, then ~/.kube/config. */
  kubeconfig?: string;
  context?: string;
  cluster?: string;
  user?: string;
  namespace?: string;
  server?: string;
  token?: string;
  as?: string;
  asUid?: string;
  asGroup?: string[];
  /** `key=value`, as --as-user-extra takes them. */
  asUserExtra?: string[];
  /** Paths, relative to the working directory. */
  clientCertificate?: string;
  clientKey?: string;
  certificateAuthority?: string;
  insecureSkipTlsVerify?: boolean;
  tlsServerName?: string;
  username?: string;
  password?: string;
  /** For one request, in milliseconds; 0 for no limit, 10 s when absent. */
  requestTimeoutMs?: number;
  disableCompression?: boolean;
}
