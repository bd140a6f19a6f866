import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect as connectTo, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

const pem = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'tls', `${name}.pem`));

export const CA_FILE = join(import.meta.dirname, 'tls', 'cert.pem');

export interface Call {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  body: unknown;
}

export interface Reply {
  status?: number;
  body?: unknown;
  /** Do not answer at all. */
  hang?: boolean;
  /** Cut the connection instead of an answer. */
  cut?: boolean;
}

export type Handler = (call: Call) => Reply | undefined;

/** An API server on loopback that answers what a test says, and counts connections. */
export interface FakeApi {
  url: string;
  calls: Call[];
  /** TCP connections accepted so far. */
  connections: () => number;
  /** How often it served as a proxy (CONNECT). */
  tunnels: () => number;
  close: () => Promise<void>;
}

interface Setup {
  tls?: boolean;
  answer?: Handler;
  /** What an exec's WebSocket does once it is open. */
  exec?: (socket: WebSocket, command: string[], raw: Duplex) => void;
  /** Refuses the upgrade with this status and body. */
  refuseExec?: (tries: number) => Reply | undefined;
  protocol?: 'v5.channel.k8s.io' | 'v4.channel.k8s.io';
}

export const status = (code: number, reason: string, message: string): Reply => ({
  status: code,
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code },
});

const readJson = async (request: http.IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? undefined : JSON.parse(text);
};

export const startFakeApi = async (setup: Setup): Promise<FakeApi> => {
  const calls: Call[] = [];
  const sockets = new Set<Socket>();
  let accepted = 0;
  let upgrades = 0;
  let tunnels = 0;
  const onRequest = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake');
    const call = { method: request.method ?? '', path: pathname, query: searchParams, headers: request.headers, body: await readJson(request) };
    calls.push(call);
    const reply = setup.answer?.(call) ?? status(404, 'NotFound', `the server could not find ${pathname}`);
    if (reply.hang) return;
    if (reply.cut) {
      request.socket.destroy();
      return;
    }
    response.writeHead(reply.status ?? 200, { 'Content-Type': 'application/json' });
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {}));
  };
  const server = setup.tls ? https.createServer({ key: pem('key'), cert: pem('cert') }, onRequest) : http.createServer(onRequest);
  server.on('connection', (socket: Socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const webSockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(setup.protocol ?? 'v5.channel.k8s.io') ? (setup.protocol ?? 'v5.channel.k8s.io') : false),
  });
  server.on('upgrade', (request: http.IncomingMessage, raw: Duplex, head: Buffer) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake');
    calls.push({ method: 'EXEC', path: pathname, query: searchParams, headers: request.headers, body: undefined });
    const refusal = setup.refuseExec?.(++upgrades);
    if (refusal) {
      const body = JSON.stringify(refusal.body ?? {});
      raw.end(
        `HTTP/1.1 ${refusal.status} No\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
      return;
    }
    webSockets.handleUpgrade(request, raw, head, (socket) => setup.exec?.(socket, searchParams.getAll('command'), raw));
  });
  server.on('connect', (request: http.IncomingMessage, socket: Duplex) => {
    tunnels++;
    const { hostname, port } = new URL(`http://${request.url}`);
    const onward = connectTo(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${setup.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    calls,
    connections: () => accepted,
    tunnels: () => tunnels,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const frame = (channel: number, data: Buffer | string): Buffer => Buffer.concat([Buffer.from([channel]), Buffer.from(data)]);

/** What the kubelet sends at the end of a command. */
export const exitStatus = (code: number): Buffer =>
  frame(
    3,
    JSON.stringify(
      code === 0
        ? { metadata: {}, status: 'Success' }
        : {
            metadata: {},
            status: 'Failure',
            reason: 'NonZeroExitCode',
            message: `command terminated with non-zero exit code: exit status ${code}`,
            details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
          },
    ),
  );

/** Runs the command for real on this machine, as a kubelet would in a container, with this shell for `sh`. */
export const runHere =
  (shell = ['sh']) =>
  (socket: WebSocket, command: string[]): void => {
    const [program = '', ...args] = command.flatMap((word) => (word === 'sh' ? shell : [word]));
    const child = spawn(program, args);
    child.stdout.on('data', (data: Buffer) => socket.send(frame(1, data)));
    child.stderr.on('data', (data: Buffer) => socket.send(frame(2, data)));
    child.stdin.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      if (data[0] === 0) child.stdin.write(data.subarray(1));
      if (data[0] === 255 && data[1] === 0) child.stdin.end();
    });
    socket.on('close', () => child.kill());
    child.on('close', (code) => {
      socket.send(exitStatus(code ?? 137));
      socket.close(1000);
    });
  };
