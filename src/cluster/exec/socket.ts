import { PassThrough } from 'node:stream';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';
import WebSocket from 'ws';
import { apiError, transportError } from '../errors.ts';
import type { Connection } from '../kubeconfig/connection.ts';

/** The part of client-node's KubeConfig that Exec uses, answered from our own connection: same pool, same TLS sessions, same headers. */
const asKubeConfig = (connection: Connection): KubeConfig => {
  const config: Pick<KubeConfig, 'getCurrentCluster' | 'applyToHTTPSOptions'> = {
    getCurrentCluster: () => ({ name: 'cluster', server: connection.server, skipTLSVerify: false }),
    applyToHTTPSOptions: async (options) => {
      Object.assign(options, { agent: connection.agent, headers: { 'User-Agent': 'kubectl-netdoctor', ...connection.headers } });
    },
  };
  return config as KubeConfig;
};

/** How often an idle connection is asked whether it still lives, and how long silence may last before it counts as dead. */
const PING_MS = 1500;
const SILENCE_MS = 4500;

/** Ends a connection whose other side is silent: a dead peer or a firewall that forgot the flow sends no FIN. */
const watchLiveness = (socket: WebSocket): void => {
  let heard = Date.now();
  const alive = (): void => {
    heard = Date.now();
  };
  const timer = setInterval(() => {
    if (Date.now() - heard > SILENCE_MS) socket.terminate();
    else if (socket.readyState === WebSocket.OPEN) socket.ping();
  }, PING_MS);
  socket.on('open', alive);
  socket.on('pong', alive);
  socket.on('message', alive);
  socket.on('close', () => clearInterval(timer));
};

const readText = async (stream: AsyncIterable<Buffer>): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
};

export interface ExecSockets {
  handler: WebSocketHandler;
  kubeConfig: KubeConfig;
  /** Resolves with the socket as soon as it is made, before it is open. */
  made: Promise<WebSocket>;
  /** Why the handshake failed; pending for ever when it did not. */
  refusal: Promise<Error>;
}

/**
 * client-node's WebSocket handler, for one exec, with what it leaves to its user: the server's words when it refuses the upgrade, an end to
 * a handshake that hangs, liveness, and streams of its own (a server's CLOSE frame would end the CLI's stdout otherwise).
 */
export const execSockets = (connection: Connection, handshakeMs: number): ExecSockets => {
  const made = Promise.withResolvers<WebSocket>();
  const refusal = Promise.withResolvers<Error>();
  const create = (uri: string, protocols: string[], options: WebSocket.ClientOptions): WebSocket => {
    const socket = new WebSocket(uri, protocols, { ...options, handshakeTimeout: handshakeMs, perMessageDeflate: false });
    watchLiveness(socket);
    socket.on('unexpected-response', (request, response) => {
      readText(response)
        .catch(() => '')
        .then((body) => {
          refusal.resolve(apiError(response.statusCode ?? 0, body));
          request.destroy();
        });
    });
    socket.on('error', (error) => refusal.resolve(transportError(error, connection.server)));
    made.resolve(socket);
    return socket;
  };
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const kubeConfig = asKubeConfig(connection);
  return { handler: new WebSocketHandler(kubeConfig, create, streams), kubeConfig, made: made.promise, refusal: refusal.promise };
};
