import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import type { WebSocketInterface } from '@kubernetes/client-node/dist/web-socket-handler.js';
import WebSocket from 'ws';
import { apiError, transportError } from '../errors.ts';
import type { Connection } from '../kubeconfig/connection.ts';

/** v5 (Kubernetes 1.30) can close stdin, v4 cannot; what runs on the far side needs neither. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

/** Channel by which a v5 server says that a stream has ended; the status on channel 3 says all we need. */
const CLOSE_CHANNEL = 255;

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
    if (socket.readyState !== WebSocket.OPEN) return;
    if (Date.now() - heard > SILENCE_MS) socket.terminate();
    else socket.ping();
  }, PING_MS);
  for (const event of ['open', 'pong', 'message']) socket.on(event, alive);
  socket.on('close', () => clearInterval(timer));
};

const readText = async (stream: AsyncIterable<Buffer>): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
};

/** Exec asks a KubeConfig only for the way to the server; ours is in the connection. */
export const noKubeConfig = {} as KubeConfig;

/**
 * What client-node's Exec speaks through, in place of its own WebSocketHandler: that one loses the server's words when an upgrade is refused,
 * knows no liveness, throws on CLOSE frames and opens a TLS session of its own for each exec.
 * @param end terminates the connection in whatever state it is
 * @throws ApiError for a refused upgrade, CliError when the server does not answer
 */
export const execChannel = (connection: Connection, handshakeMs: number, end: AbortSignal): WebSocketInterface => ({
  connect: (path, _onText, onBinary) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`${connection.server.replace(/^http/, 'ws')}${path}`, PROTOCOLS, {
        agent: connection.agent,
        headers: { 'User-Agent': 'kubectl-netdoctor', ...connection.headers },
        handshakeTimeout: handshakeMs,
        perMessageDeflate: false,
      });
      watchLiveness(socket);
      const terminate = (): void => socket.terminate();
      end.addEventListener('abort', terminate);
      socket.on('close', () => end.removeEventListener('abort', terminate));
      socket.on('unexpected-response', (request, response) => {
        const refuse = (body: string): void => {
          reject(apiError(response.statusCode ?? 0, body));
          request.destroy();
        };
        readText(response).then(refuse, () => refuse(''));
      });
      socket.on('error', (error) => reject(transportError(error, connection.server)));
      socket.on('open', () => resolve(socket));
      socket.on('message', (data: Buffer) => {
        const channel = data[0];
        if (channel === undefined || channel === CLOSE_CHANNEL) return;
        try {
          onBinary?.(channel, data.subarray(1));
        } catch {
          // a frame that makes no sense: the connection cannot be trusted any more
          socket.terminate();
        }
      });
    }),
});
