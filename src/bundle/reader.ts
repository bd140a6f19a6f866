import type { Query } from '../cluster/api/client.ts';
import { type Asked, objectReader, readPath } from '../cluster/api/object-reader.ts';
import { type ApiReader, type ApiRecord, replayReader } from '../cluster/api/reader.ts';
import { ApiError, CliError } from '../cluster/errors.ts';
import type { ApiObject } from '../cluster/facts.ts';

/** Kinds of which a part is worth more than nothing: whoever asks for pods of a node says that it saw no others. */
const PARTIAL = new Set(['pods', 'nodes']);

const itemsOf = (answer: object): object[] => ('items' in answer && Array.isArray(answer.items) ? answer.items : [answer]);

/** Every object any recorded answer held, latest answer last. */
const objectsOf = (records: readonly ApiRecord[]): ApiObject[] => {
  const byName = new Map<string, ApiObject>();
  for (const { path, answer } of records) {
    const asked = readPath(path);
    if (!asked || typeof answer !== 'object' || answer === null) continue;
    for (const item of itemsOf(answer)) {
      const object = { ...item, apiVersion: asked.groupVersion, kind: asked.kind } as ApiObject;
      byName.set(`${asked.groupVersion} ${asked.kind} ${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`, object);
    }
  }
  return [...byName.values()];
};

/** Lists that were recorded whole, by what they list and where. */
const wholeLists = (records: readonly ApiRecord[]): Set<string> =>
  new Set(
    records.flatMap(({ path, query, answer }) => {
      const asked = readPath(path);
      const whole =
        asked && asked.name === undefined && answer !== undefined && query.labelSelector === undefined && query.fieldSelector === undefined;
      return whole ? [listName(asked)] : [];
    }),
  );

const listName = ({ groupVersion, plural, namespace = '' }: Asked): string => `${groupVersion} ${plural} ${namespace}`;

/** Answers as the recorded run was answered; another command's questions as far as the recording goes, and NotFound beyond it. */
export const bundleReader = (records: ApiRecord[]): ApiReader => {
  const exact = replayReader(records);
  const lists = wholeLists(records);
  const holds = (asked: Asked): boolean =>
    asked.name !== undefined || PARTIAL.has(asked.plural) || lists.has(listName(asked)) || lists.has(listName({ ...asked, namespace: '' }));
  const rest = objectReader(objectsOf(records), { source: 'the bundle', holds });
  return {
    lookup: exact.lookup,
    get: async <Answer>(path: string, query: Query = {}) => {
      try {
        return await exact.get<Answer>(path, query);
      } catch (error) {
        if (error instanceof ApiError || !(error instanceof CliError)) throw error;
        if (path === '/apis') throw new ApiError(404, 'NotFound', 'the bundle does not hold which kinds there are');
        return rest.get<Answer>(path, query);
      }
    },
  };
};
