import type { Query } from '../cluster/api/client.ts';
import { type ApiReader, type ApiRecord, replayReader } from '../cluster/api/reader.ts';
import { ApiError, CliError } from '../cluster/errors.ts';

interface ApiObject {
  metadata?: { namespace?: string; name?: string };
  spec?: { nodeName?: string };
}

/** `/api/v1/namespaces/NS/pods/NAME`, `/api/v1/pods`, `/api/v1/nodes/NAME`… */
const PATH = /^\/api\/v1\/(?:namespaces\/([^/]+)\/)?(pods|nodes)(?:\/([^/]+))?$/;

const kindOf = (path: string): string | undefined => PATH.exec(path)?.[2];

/** Every pod and node any recorded answer held, latest answer first. */
const objectsOf = (records: ApiRecord[], kind: string): ApiObject[] => {
  const byName = new Map<string, ApiObject>();
  for (const { path, answer } of records) {
    if (kindOf(path) !== kind || !answer) continue;
    const items = 'items' in (answer as object) ? (answer as { items: ApiObject[] }).items : [answer as ApiObject];
    for (const item of items) byName.set(`${item.metadata?.namespace ?? ''}/${item.metadata?.name ?? ''}`, item);
  }
  return [...byName.values()];
};

const notHeld = (what: string): ApiError => new ApiError(404, 'NotFound', `the bundle does not hold ${what}`);

/** A question the recorded run did not ask, answered from the pods and nodes it saw; label selectors need the server and are not. */
const fromObjects = (records: ApiRecord[], path: string, query: Query): unknown => {
  const [, namespace, kind, name] = PATH.exec(path) ?? [];
  if (kind === undefined || query.labelSelector !== undefined) throw notHeld(path);
  const objects = objectsOf(records, kind).filter((one) => namespace === undefined || one.metadata?.namespace === decodeURIComponent(namespace));
  if (name !== undefined) {
    const found = objects.find((one) => one.metadata?.name === decodeURIComponent(name));
    if (!found) throw notHeld(`${kind} "${name}"`);
    return found;
  }
  const node = /^spec\.nodeName=(.+)$/.exec(query.fieldSelector ?? '')?.[1];
  return { items: node === undefined ? objects : objects.filter(({ spec }) => spec?.nodeName === node) };
};

/** Answers as the recorded run was answered; another command's questions as far as the recording goes, and NotFound beyond it. */
export const bundleReader = (records: ApiRecord[]): ApiReader => {
  const exact = replayReader(records);
  return {
    lookup: exact.lookup,
    get: async <Answer>(path: string, query: Query = {}) => {
      try {
        return await exact.get<Answer>(path, query);
      } catch (error) {
        if (error instanceof ApiError || !(error instanceof CliError)) throw error;
        return fromObjects(records, path, query) as Answer;
      }
    },
  };
};
