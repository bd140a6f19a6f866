import type { Flag } from './flag.ts';

/**
 * kubectl hands a plugin its words untouched and parses none of its own global flags for it (`kubectl -n x netdoctor` is refused), so every
 * one of them is ours to take: genericclioptions.ConfigFlags of kubectl 1.36.
 */
export const connectionFlags = {
  kubeconfig: { type: 'string', values: 'file', describe: 'Path to the kubeconfig file' },
  context: { type: 'string', values: 'context', describe: 'The kubeconfig context to use' },
  cluster: { type: 'string', values: 'cluster', describe: 'The kubeconfig cluster to use' },
  user: { type: 'string', values: 'user', describe: 'The kubeconfig user to use' },
  namespace: { type: 'string', alias: 'n', values: 'namespace', describe: 'Namespace of names without one' },
  server: { type: 'string', alias: 's', describe: 'Address and port of the API server' },
  token: { type: 'string', describe: 'Bearer token for the API server' },
  as: { type: 'string', describe: 'User to impersonate' },
  'as-uid': { type: 'string', describe: 'UID to impersonate' },
  'as-group': { type: 'string', array: true, describe: 'Group to impersonate, may be repeated' },
  'as-user-extra': { type: 'string', array: true, describe: 'Extra KEY=VALUE of the impersonated user, may be repeated' },
  'client-certificate': { type: 'string', values: 'file', describe: 'Path to a client certificate for TLS' },
  'client-key': { type: 'string', values: 'file', describe: 'Path to a client key for TLS' },
  'certificate-authority': { type: 'string', values: 'file', describe: 'Path to a certificate of the certificate authority' },
  'insecure-skip-tls-verify': { type: 'boolean', describe: "Do not check the server's certificate" },
  'tls-server-name': { type: 'string', describe: 'Server name for the check of its certificate' },
  'request-timeout': { type: 'string', describe: 'Time for one API request, with a unit (1s, 2m); 0 for no limit' },
  username: { type: 'string', describe: 'User name for basic authentication' },
  password: { type: 'string', describe: 'Password for basic authentication' },
  'cache-dir': { type: 'string', values: 'file', hidden: true, describe: 'Accepted for kubectl; nothing is cached' },
  'disable-compression': { type: 'boolean', hidden: true, describe: 'Accepted for kubectl; responses are not compressed' },
} satisfies Record<string, Flag>;

/** How the nodes are entered. */
export const agentFlags = {
  agent: {
    choices: ['node', 'ephemeral'] as const,
    default: 'node' as const,
    describe: 'Enter nodes by a pod of our own, or only the pod itself by an ephemeral container',
  },
  'agent-namespace': { type: 'string', values: 'namespace', describe: 'Namespace the agent pods are made in (kube-system)' },
  image: { type: 'string', describe: 'Agent image (also NETDOCTOR_IMAGE)' },
  'image-pull-policy': { choices: ['Always', 'IfNotPresent', 'Never'] as const, describe: 'Pull policy of the agent image' },
  'image-pull-secret': { type: 'string', array: true, describe: 'Secret in the agent namespace for pulling the image, may be repeated' },
  'agent-privileged': { type: 'boolean', describe: 'Make agents privileged from the start' },
  'agent-timeout': { type: 'string', describe: 'How long an agent may take to start (30s)' },
  yes: {
    type: 'boolean',
    alias: 'y',
    default: false,
    describe: 'Do not ask before what changes more than our own pods (--agent ephemeral, --trace-rules)',
  },
} satisfies Record<string, Flag>;

/** How the answer is printed and kept. */
export const outputFlags = {
  output: { choices: ['wide', 'json', 'yaml'] as const, alias: 'o', describe: 'Output format; the default is a table' },
  'no-headers': { type: 'boolean', default: false, describe: 'Leave out the head of tables' },
  color: { choices: ['auto', 'always', 'never'] as const, default: 'auto' as const, describe: 'Colour of the output' },
  quiet: { type: 'boolean', alias: 'q', default: false, describe: 'No progress on stderr' },
  save: { type: 'string', values: 'file', describe: 'Keep all that was read and measured in this .tgz' },
  from: { type: 'string', values: 'file', describe: 'Judge a saved .tgz again, offline' },
  v: { type: 'count', describe: 'Say on stderr where the time went' },
} satisfies Record<string, Flag>;
