import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { apiError, requestTimeout, transportError } from '../errors.ts';
import type { Connection } from '../kubeconfig/connection.ts';

export type Query = Record<string, string>;

export interface RequestOptions {
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  contentType?: 'application/json' | 'application/strategic-merge-patch+json';
  signal?: AbortSignal;
  /** Instead of --request-timeout, in milliseconds; 0 for none. */
  timeoutMs?: number;
}

/** The API server, one verb at a time. */
export interface ApiClient {
  connection: Connection;
  /**
   * @param path e.g. `/api/v1/nodes`, already escaped (see `apiPath`)
   * @throws ApiError for an answer that is no success, CliError when there is none
   */
  request: <Answer>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, options?: RequestOptions) => Promise<Answer>;
}

/** Joins names into a path, each escaped: `apiPath('api/v1/namespaces', ns, 'pods', name)`. */
export const apiPath = (base: string, ...parts: string[]): string => `/${[base, ...parts.map((part) => encodeURIComponent(part))].join('/')}`;

const withQuery = (path: string, query: Query = {}): string => {
  const text = new URLSearchParams(query).toString();
  return text === '' ? path : `${path}?${text}`;
};

const unzip = promisify(gunzip);

const readBody = async (response: http.IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return (response.headers['content-encoding'] === 'gzip' ? await unzip(bytes) : bytes).toString('utf8');
};

interface Answer {
  status: number;
  body: string;
}

const send = (connection: Connection, method: string, path: string, options: RequestOptions, signal: AbortSignal | undefined): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { server, headers, agent, compress } = connection;
    const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
    const { request } = server.startsWith('https:') ? https : http;
    const call = request(
      `${server}${withQuery(path, options.query)}`,
      {
        method,
        agent,
        headers: {
          Accept: 'application/json',
          'User-Agent': 'kubectl-netdoctor',
          ...(compress ? { 'Accept-Encoding': 'gzip' } : {}),
          ...(payload === undefined
            ? {}
            : { 'Content-Type': options.contentType ?? 'application/json', 'Content-Length': Buffer.byteLength(payload) }),
          ...headers,
        },
        ...(signal ? { signal } : {}),
      },
      (response) => {
        readBody(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
      },
    );
    call.on('error', (error) => {
      // a kept-alive socket that the server closed while idle: the request was never read
      if (call.reusedSocket && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE'))
        resolve(send(connection, method, path, options, signal));
      else reject(error);
    });
    call.end(payload);
  });

const signalFor = (timeoutMs: number, own: AbortSignal | undefined): AbortSignal | undefined => {
  const timeout = timeoutMs > 0 ? AbortSignal.timeout(timeoutMs) : undefined;
  return timeout && own ? AbortSignal.any([timeout, own]) : (timeout ?? own);
};

export const createClient = (connection: Connection): ApiClient => ({
  connection,
  request: async <Result>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, options: RequestOptions = {}): Promise<Result> => {
    const timeoutMs = options.timeoutMs ?? connection.requestTimeoutMs;
    const signal = signalFor(timeoutMs, options.signal);
    let answer: Answer;
    try {
      answer = await send(connection, method, path, options, signal);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw signal?.aborted ? requestTimeout(connection.server, timeoutMs) : transportError(error, connection.server);
    }
    if (answer.status < 200 || answer.status > 299) throw apiError(answer.status, answer.body);
    try {
      return JSON.parse(answer.body) as Result;
    } catch (error) {
      throw transportError(
        new Error(`${connection.server} did not answer in JSON: it is no Kubernetes API server`, { cause: error }),
        connection.server,
      );
    }
  },
});
