/** What probes knock at in the lab: TCP 8080, UDP 9999 (echo), UDP 9997 (answers `ok`), DNS on 53 (NXDOMAIN for names with an x). */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { createServer } from 'node:net';

const udp = (port: number, answer: (message: Buffer) => Buffer): Promise<void> =>
  new Promise((resolve) => {
    const socket: Socket = createSocket({ type: 'udp6', ipv6Only: false });
    socket.on('message', (message: Buffer, from: RemoteInfo) => socket.send(answer(message), from.port, from.address));
    socket.bind(port, '::', resolve);
  });

const resolveName = (query: Buffer): Buffer => {
  const answer = Buffer.from(query);
  const unknown = query.includes('x', 12);
  answer.writeUInt16BE(unknown ? 0x8183 : 0x8180, 2);
  if (unknown) return answer;
  answer.writeUInt16BE(1, 6);
  // A pointer to the question's name, A, IN, 60 s, 10.244.2.5
  return Buffer.concat([answer, Buffer.from('c00c000100010000003c00040af40205', 'hex')]);
};

await Promise.all([
  new Promise<void>((resolve) => createServer((socket) => socket.on('error', () => undefined).resume()).listen(8080, '::', resolve)),
  udp(9999, (message) => message),
  udp(9997, () => Buffer.from('ok')),
  udp(53, resolveName),
]);
console.log('ready');
