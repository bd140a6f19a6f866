import { isIP } from 'node:net';
import { CliError, EXIT } from '../errors.ts';
import type { Protocol } from '../facts.ts';

export type Kind = 'pods' | 'deployments' | 'statefulsets' | 'daemonsets' | 'replicasets' | 'jobs' | 'services' | 'nodes';

/** kubectl's names and short names of the kinds that can be an end of a path. */
const KINDS: Record<string, Kind> = {
  ...{ po: 'pods', pod: 'pods', pods: 'pods' },
  ...{ deploy: 'deployments', deployment: 'deployments', deployments: 'deployments' },
  ...{ sts: 'statefulsets', statefulset: 'statefulsets', statefulsets: 'statefulsets' },
  ...{ ds: 'daemonsets', daemonset: 'daemonsets', daemonsets: 'daemonsets' },
  ...{ rs: 'replicasets', replicaset: 'replicasets', replicasets: 'replicasets' },
  ...{ job: 'jobs', jobs: 'jobs' },
  ...{ svc: 'services', service: 'services', services: 'services' },
  ...{ no: 'nodes', node: 'nodes', nodes: 'nodes' },
};

/** A word of the command line, taken apart; whether such a thing exists is another question. */
export interface Word {
  /** As the user wrote it. */
  text: string;
  target:
    | { is: 'address'; ip: string }
    | { is: 'object'; kind: Kind; namespace: string; name: string }
    /** A pod of this name, or else a host name. */
    | { is: 'name'; namespace: string; name: string }
    /** A URL's host, which only DNS knows. */
    | { is: 'host'; namespace: string; name: string };
  /** `:8080`, `:http`, or a URL's. */
  port?: number | string;
  protocol?: Protocol;
}

const usage = (text: string, why: string): CliError => new CliError(`error: "${text}": ${why}`, EXIT.usage);

/** What a Kubernetes object may be called (RFC 1123 subdomain). */
const NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i;

const SCHEME_PORT: Record<string, number> = { http: 80, https: 443, tcp: 0, udp: 0, sctp: 0 };

interface Split {
  host: string;
  port?: number | string;
  protocol?: Protocol;
}

const portOf = (text: string, port: string): number | string => {
  if (!/^\d+$/.test(port)) return port;
  const number = Number(port);
  if (number < 1 || number > 65_535) throw usage(text, `port ${port} is not between 1 and 65535`);
  return number;
};

const splitUrl = (text: string): Split => {
  if (!URL.canParse(text)) throw usage(text, 'it is no valid URL');
  const { protocol, hostname, port } = new URL(text);
  const scheme = protocol.slice(0, -1);
  const usual = SCHEME_PORT[scheme];
  if (usual === undefined) throw usage(text, `unknown scheme ${scheme}: use http, https, tcp, udp or sctp`);
  const host = hostname.replace(/^\[|\]$/g, '');
  if (host === '') throw usage(text, 'it names no host');
  const number = port === '' ? usual : Number(port);
  return { host, protocol: scheme === 'udp' || scheme === 'sctp' ? scheme : 'tcp', ...(number === 0 ? {} : { port: number }) };
};

/** Takes a port off the end: `a:80`, `a:http`, `[fd00::1]:80`; a bare IPv6 address has none. */
const splitPort = (text: string): Split => {
  if (isIP(text)) return { host: text };
  const [, bracketed, bracketedPort] = /^\[(.*)\](?::(.*))?$/.exec(text) ?? [];
  if (bracketed !== undefined) {
    if (isIP(bracketed) !== 6) throw usage(text, 'in brackets, an IPv6 address is expected');
    return { host: bracketed, ...(bracketedPort ? { port: portOf(text, bracketedPort) } : {}) };
  }
  const [host = '', port, ...more] = text.split(':');
  if (more.length > 0) throw usage(text, 'it is neither an IPv6 address nor name:port');
  if (port === '') throw usage(text, 'a port is expected after the colon');
  return { host, ...(port === undefined ? {} : { port: portOf(text, port) }) };
};

/** `[ns/]pod`, `kind/name`, `ns/kind/name`, an address or a host name. A first part that is a kind is a kind: write ns/pod/x for a namespace called so. */
const targetOf = (text: string, host: string, namespace: string): Word['target'] => {
  if (isIP(host)) return { is: 'address', ip: host };
  const parts = host.split('/');
  if (parts.some((part) => !NAME.test(part))) throw usage(text, 'it is no name of a Kubernetes object, no address and no host name');
  const [first = '', second = '', third] = parts;
  if (parts.length === 1) return { is: 'name', namespace, name: first };
  if (parts.length === 2) {
    const kind = KINDS[first.toLowerCase()];
    return kind ? { is: 'object', kind, namespace, name: second } : { is: 'object', kind: 'pods', namespace: first, name: second };
  }
  const kind = KINDS[second.toLowerCase()];
  if (parts.length > 3 || !kind || third === undefined) throw usage(text, 'expected POD, NAMESPACE/POD, KIND/NAME or NAMESPACE/KIND/NAME');
  return { is: 'object', kind, namespace: first, name: third };
};

/**
 * @param namespace of names that say none
 * @throws CliError for a word that can mean nothing
 */
export const parseWord = (text: string, namespace: string): Word => {
  const trimmed = text.trim();
  if (trimmed === '') throw new CliError('error: an empty name was given', EXIT.usage);
  const split = trimmed.includes('://') ? splitUrl(trimmed) : splitPort(trimmed);
  const target = targetOf(trimmed, split.host, namespace);
  return {
    text,
    target: target.is === 'name' && trimmed.includes('://') ? { ...target, is: 'host' } : target,
    ...(split.port === undefined ? {} : { port: split.port }),
    ...(split.protocol ? { protocol: split.protocol } : {}),
  };
};
