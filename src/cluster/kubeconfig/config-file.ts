import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { parse } from 'yaml';
import { CliError, EXIT } from '../errors.ts';

/** One `cluster` of a kubeconfig (clientcmd/api/v1); names as written there. */
export interface ClusterEntry {
  server?: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
  'proxy-url'?: string;
  'disable-compression'?: boolean;
  extensions?: { name: string; extension: unknown }[];
}

export interface UserEntry {
  token?: string;
  tokenFile?: string;
  username?: string;
  password?: string;
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  as?: string;
  'as-uid'?: string;
  'as-groups'?: string[];
  'as-user-extra'?: Record<string, string[]>;
  exec?: ExecEntry;
  'auth-provider'?: { name: string; config?: Record<string, string> };
}

/** A credential plugin (client.authentication.k8s.io). */
export interface ExecEntry {
  apiVersion?: string;
  command: string;
  args?: string[] | null;
  env?: { name: string; value: string }[] | null;
  installHint?: string;
  interactiveMode?: 'Never' | 'IfAvailable' | 'Always';
  provideClusterInfo?: boolean;
}

export interface ContextEntry {
  cluster?: string;
  user?: string;
  namespace?: string;
}

/** Several files as one, entries by name. */
export interface MergedConfig {
  currentContext: string;
  clusters: Map<string, ClusterEntry>;
  users: Map<string, UserEntry>;
  contexts: Map<string, ContextEntry>;
}

interface ConfigFile {
  'current-context'?: string;
  clusters?: { name: string; cluster?: ClusterEntry }[] | null;
  users?: { name: string; user?: UserEntry }[] | null;
  contexts?: { name: string; context?: ContextEntry }[] | null;
}

/** Files to read, in order of precedence; `mustExist` only for the one a flag names. */
export const configPaths = (flag: string | undefined, env: NodeJS.ProcessEnv): { path: string; mustExist: boolean }[] => {
  if (flag) return [{ path: flag, mustExist: true }];
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter((path) => path !== '');
  if (listed.length > 0) return [...new Set(listed)].map((path) => ({ path, mustExist: false }));
  return [{ path: join(env.HOME || homedir(), '.kube', 'config'), mustExist: false }];
};

const readText = (path: string, mustExist: boolean): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT' && !mustExist) return undefined;
    const why = code === 'ENOENT' ? 'no such file or directory' : code === 'EACCES' ? 'permission denied' : String(code);
    throw new CliError(`error: error loading config file "${path}": open ${path}: ${why}`, EXIT.usage);
  }
};

const parseConfig = (path: string, text: string): ConfigFile => {
  let parsed: unknown;
  try {
    parsed = parse(text);
  } catch (error) {
    const [firstLine] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new CliError(`error: error loading config file "${path}": yaml: ${firstLine}`, EXIT.usage);
  }
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw new CliError(`error: error loading config file "${path}": it is no kubeconfig`, EXIT.usage);
  return parsed;
};

/** Paths inside a kubeconfig are relative to the file they stand in. */
const absolute = <Key extends string>(entry: Partial<Record<Key, unknown>>, keys: Key[], directory: string): Partial<Record<Key, string>> =>
  Object.fromEntries(
    keys.flatMap((key) => {
      const value = entry[key];
      return typeof value === 'string' && value !== '' && !isAbsolute(value) ? [[key, join(directory, value)]] : [];
    }),
  ) as Partial<Record<Key, string>>;

const absoluteUser = (user: UserEntry, directory: string): UserEntry => ({
  ...user,
  ...absolute(user, ['client-certificate', 'client-key', 'tokenFile'], directory),
  // a command with a path in it is relative to the file, a bare one is looked up in PATH
  ...(user.exec?.command.includes('/') ? { exec: { ...user.exec, ...absolute(user.exec, ['command'], directory) } } : {}),
});

/** As clientcmd does it: missing files are no error, the first file to name a thing wins, and so does the first current-context. */
export const loadConfigs = (paths: { path: string; mustExist: boolean }[]): MergedConfig => {
  const merged: MergedConfig = { currentContext: '', clusters: new Map(), users: new Map(), contexts: new Map() };
  for (const { path, mustExist } of paths) {
    const text = readText(path, mustExist);
    if (text === undefined) continue;
    const file = parseConfig(path, text);
    const directory = dirname(path);
    merged.currentContext ||= file['current-context'] ?? '';
    for (const { name, cluster = {} } of file.clusters ?? [])
      if (!merged.clusters.has(name)) merged.clusters.set(name, { ...cluster, ...absolute(cluster, ['certificate-authority'], directory) });
    for (const { name, user = {} } of file.users ?? []) if (!merged.users.has(name)) merged.users.set(name, absoluteUser(user ?? {}, directory));
    for (const { name, context = {} } of file.contexts ?? []) if (!merged.contexts.has(name)) merged.contexts.set(name, context);
  }
  return merged;
};
