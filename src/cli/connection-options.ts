import type { InferredOptionTypes } from 'yargs';
import { CliError, EXIT } from '../cluster/errors.ts';
import type { ConnectionOptions } from '../cluster/kubeconfig/options.ts';
import { parseDuration } from './duration-flag.ts';
import type { agentFlags, connectionFlags, outputFlags } from './global-flags.ts';

type Camel<Name> = Name extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : Name;
export type CamelKeys<Flags> = { [Key in keyof Flags as Camel<Key>]: Flags[Key] };

/** What yargs leaves of each group of flags. */
export type ConnectionFlags = CamelKeys<InferredOptionTypes<typeof connectionFlags>>;
export type AgentFlags = CamelKeys<InferredOptionTypes<typeof agentFlags>>;
export type OutputFlags = CamelKeys<InferredOptionTypes<typeof outputFlags>>;

/** Reads a duration flag. @throws CliError naming the flag */
export const durationOf = (flag: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined)
    throw new CliError(`error: invalid argument "${text}" for "--${flag}": a duration with a unit is expected, such as 10s or 2m`, EXIT.usage);
  return milliseconds;
};

/** Flags that were given, without those that were not: an absent one must not overrule the kubeconfig. */
const given = <Value extends object>(value: Value): { [Key in keyof Value]?: Exclude<Value[Key], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as { [Key in keyof Value]?: Exclude<Value[Key], undefined> };

/** kubectl's global flags, as src/cluster takes them. */
export const connectionOptions = (flags: ConnectionFlags): ConnectionOptions =>
  given({
    kubeconfig: flags.kubeconfig,
    context: flags.context,
    cluster: flags.cluster,
    user: flags.user,
    namespace: flags.namespace,
    server: flags.server,
    token: flags.token,
    as: flags.as,
    asUid: flags.asUid,
    asGroup: flags.asGroup,
    asUserExtra: flags.asUserExtra,
    clientCertificate: flags.clientCertificate,
    clientKey: flags.clientKey,
    certificateAuthority: flags.certificateAuthority,
    insecureSkipTlsVerify: flags.insecureSkipTlsVerify,
    tlsServerName: flags.tlsServerName,
    username: flags.username,
    password: flags.password,
    requestTimeoutMs: durationOf('request-timeout', flags.requestTimeout),
    disableCompression: flags.disableCompression,
  });
