import { lookup } from 'node:dns/promises';
import { ApiError, CliError, EXIT } from '../errors.ts';
import type { ApiClient, Query } from './client.ts';
import { strip } from './strip.ts';

/** All that a judgement may ask of the cluster. Live, it is the API server; in a replay, the bundle's record of what that answered. */
export interface ApiReader {
  /**
   * GET of an object or a list.
   * @throws ApiError when the server says no, CliError when it does not answer
   */
  get: <Answer>(path: string, query?: Query) => Promise<Answer>;
  /** Addresses of a host name as this machine resolves it; empty when it has none. */
  lookup: (host: string) => Promise<string[]>;
}

/** One question with its answer; a bundle keeps an array of these as api.json. */
export interface ApiRecord {
  path: string;
  query: Query;
  answer?: unknown;
  /** Set instead of `answer` when the server said no. */
  error?: { status: number; reason: string; detail: string };
}

export interface RecordingReader extends ApiReader {
  /** What was asked so far, in order of the questions' paths, each question once. */
  records: () => ApiRecord[];
}

const keyOf = (path: string, query: Query = {}): string => `${path}?${new URLSearchParams(Object.entries(query).sort()).toString()}`;

const hostPath = (host: string): string => `host/${host}`;

const lookupHere = async (host: string): Promise<string[]> => {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
};

/** Reads live and remembers; the same question asked twice, even at the same time, is sent once. */
export const createReader = (client: Pick<ApiClient, 'request'>): RecordingReader => {
  const asked = new Map<string, Promise<unknown>>();
  const kept = new Map<string, ApiRecord>();
  const fetchOnce = async (path: string, query: Query): Promise<unknown> => {
    const record: ApiRecord = { path, query };
    try {
      record.answer = strip(await client.request('GET', path, { query }));
    } catch (error) {
      if (error instanceof ApiError)
        kept.set(keyOf(path, query), { ...record, error: { status: error.status, reason: error.reason, detail: error.detail } });
      throw error;
    }
    kept.set(keyOf(path, query), record);
    return record.answer;
  };
  const once = <Answer>(key: string, ask: () => Promise<unknown>): Promise<Answer> => {
    const answer = asked.get(key) ?? ask();
    asked.set(key, answer);
    return answer as Promise<Answer>;
  };
  return {
    get: (path, query = {}) => once(keyOf(path, query), () => fetchOnce(path, query)),
    lookup: (host) =>
      once(hostPath(host), async () => {
        const answer = await lookupHere(host);
        kept.set(hostPath(host), { path: hostPath(host), query: {}, answer });
        return answer;
      }),
    records: () => [...kept.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => record),
  };
};

/** Answers from a record; what the recorded run did not ask cannot be answered. */
export const replayReader = (records: ApiRecord[]): ApiReader => {
  const byKey = new Map(records.map((record) => [record.path.startsWith('host/') ? record.path : keyOf(record.path, record.query), record]));
  return {
    get: async <Answer>(path: string, query: Query = {}) => {
      const record = byKey.get(keyOf(path, query));
      if (!record) throw new CliError(`error: the bundle holds no answer to GET ${keyOf(path, query)}`, EXIT.notFound);
      if (record.error) throw new ApiError(record.error.status, record.error.reason, record.error.detail);
      return record.answer as Answer;
    },
    lookup: async (host) => (byKey.get(hostPath(host))?.answer ?? []) as string[],
  };
};
