import { isIP } from 'node:net';
import type { V1EndpointSlice } from '@kubernetes/client-node';
import type { ApiReader } from '../api/reader.ts';
import { ApiError, CliError, EXIT } from '../errors.ts';
import * as path from '../read/paths.ts';
import { findAddress } from './address.ts';
import type { Found } from './found.ts';
import type { Kind, Word } from './word.ts';

type FindObject = (reader: ApiReader, word: Word, kind: Kind, namespace: string, name: string) => Promise<Found>;

interface SliceList {
  items?: V1EndpointSlice[];
}

/** A StatefulSet pod's own name under its headless Service: the slice says which pod has that hostname. */
const findPodOfService = async (
  reader: ApiReader,
  word: Word,
  hostname: string,
  service: string,
  namespace: string,
  findObject: FindObject,
): Promise<Found> => {
  const query = { ...path.fromCache, labelSelector: `kubernetes.io/service-name=${service}` };
  const { items = [] } = await reader.get<SliceList>(path.endpointSlices(namespace), query);
  const endpoint = items.flatMap(({ endpoints }) => endpoints ?? []).find((candidate) => candidate.hostname === hostname);
  return findObject(reader, word, 'pods', namespace, endpoint?.targetRef?.name ?? hostname);
};

/** `10-244-1-5.demo.pod.cluster.local` → 10.244.1.5; dashes stand for dots or, in IPv6, colons. */
const addressInName = (label: string): string | undefined =>
  [label.replaceAll('-', '.'), label.replaceAll('-', ':')].find((candidate) => isIP(candidate) > 0);

/** `web` and `web.demo`: what a pod's search list tries first. */
const findShortName = async (
  reader: ApiReader,
  word: Word,
  labels: string[],
  namespace: string,
  findObject: FindObject,
): Promise<Found | undefined> => {
  const [service = '', space = namespace, ...more] = labels;
  if (more.length > 0) return undefined;
  const known = await reader.get(path.services(space, service)).catch((error: unknown) => {
    if (error instanceof ApiError && (error.status === 404 || error.status === 403)) return undefined;
    throw error;
  });
  return known === undefined ? undefined : findObject(reader, word, 'services', space, service);
};

/**
 * Names of the cluster's own DNS are looked up in the API, all others on this machine: a pod may see another answer, which the note says.
 * @throws CliError when nobody knows the name
 */
export const findHost = async (reader: ApiReader, word: Word, name: string, namespace: string, findObject: FindObject): Promise<Found> => {
  const host = name.replace(/\.$/, '');
  const [, before, kind] = /^(.+)\.(svc|pod)(?:\..+)?$/.exec(host) ?? [];
  if (before && kind === 'svc') {
    const [space = '', service = '', hostname] = before.split('.').reverse();
    if (hostname !== undefined) return findPodOfService(reader, word, hostname, service, space, findObject);
    if (service !== '') return findObject(reader, word, 'services', space, service);
  }
  if (before && kind === 'pod') {
    const ip = addressInName(before.split('.')[0] ?? '');
    if (ip) return findAddress(reader, word, ip);
  }
  const service = await findShortName(reader, word, host.split('.'), namespace, findObject);
  if (service) return service;
  const ips = await reader.lookup(host);
  if (ips.length > 0) return { word, is: 'external', ips, label: host, note: `${host} is ${ips.join(', ')} for this machine's resolver` };
  throw new CliError(`error: "${word.text}": there is no pod and no Service of this name, and lookup ${host}: no such host`, EXIT.notFound);
};
