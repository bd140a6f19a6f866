/**
 * Other people's traffic: `node blaster.ts ADDRESS PORT PACKETS-PER-SECOND SECONDS` sends small datagrams at an even pace and ends by itself;
 * prints how many it sent per second.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

const [address = '', port = '0', rate = '0', seconds = '0'] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
socket.connect(Number(port), address);
await once(socket, 'connect');
socket.on('error', () => undefined);

const payload = Buffer.alloc(64);
const started = performance.now();
const elapsed = (): number => (performance.now() - started) / 1000;
let sent = 0;
while (elapsed() < Number(seconds)) {
  for (const due = Math.floor(elapsed() * Number(rate)); sent < due; sent += 1) socket.send(payload);
  await setTimeout(1);
}
process.stdout.write(`${Math.round(sent / elapsed())}\n`);
socket.close();
