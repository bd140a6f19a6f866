import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect } from 'chai';
import type { TapRequest } from '../../../src/probe/tap/tap-output.ts';
import { USUAL_TUNNEL_PORTS } from '../../../src/probe/tap/tunnel.ts';
import { armWatch } from '../../../src/probe/watch/arm-watch.ts';
import { joinWatch } from '../../../src/probe/watch/join-watch.ts';
import type { KernelDrop } from '../../../src/probe/watch/kernel-drop.ts';
import { MOST_PACKETS, readWatch } from '../../../src/probe/watch/watch-output.ts';
import { localSession } from './local-session.ts';

const session = localSession('here');
const PORT = 47_114;
const here: TapRequest = { node: 'here', netns: '1', from: { netns: 'host' } };

/** sh with this kernel's tracefs at /mnt. */
const traced = (script: string): string =>
  spawnSync('unshare', ['-m', 'sh', '-c', `mount -t tracefs none /mnt && ${script}`], { encoding: 'utf8' }).stdout;

const instances = (): string[] =>
  traced('ls /mnt/instances')
    .split('\n')
    .filter((name) => name.startsWith('netdoctor-'));

const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('netdoctor-'));

const able = process.getuid?.() === 0 && spawnSync('tcpdump', ['--version']).status === 0 && traced('ls /mnt/events/skb').includes('kfree_skb');

/** To a port where nobody listens. */
const send = (): Promise<void> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.send('x', PORT, '127.0.0.1', () => {
      socket.close();
      resolve();
    });
  });

/** Others on this machine may come and go at the same time. */
const gone = async (left: () => string[]): Promise<void> => {
  const deadline = Date.now() + 20_000;
  while (left().length > 0) {
    if (Date.now() > deadline) throw new Error(`still there: ${left().join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

const isOurs = ({ packet }: KernelDrop): boolean => packet?.transport?.kind === 'udp' && packet.transport.destinationPort === PORT;

describe(`what a kernel drops${able ? '' : ' (skipped: needs root, tcpdump and tracefs)'}`, function () {
  this.timeout(30_000);
  before(function () {
    if (!able) this.skip();
  });

  const watch = () => armWatch(session, { taps: [here], filter: `udp port ${PORT}`, maxSeconds: 10 });

  it('is told with whose packets they are, where they were and why; nothing stays behind', async () => {
    const before = { instances: instances(), folders: folders() };
    const armed = await watch();
    const own = instances().filter((name) => !before.instances.includes(name));
    const dirs = folders().filter((name) => !before.folders.includes(name));
    expect(own).to.not.deep.equal([]);
    expect(dirs).to.not.deep.equal([]);
    for (let sent = 0; sent < 5; sent += 1) await send();
    const output = readWatch(await armed.stop());
    const { drops } = joinWatch(output, USUAL_TUNNEL_PORTS, MOST_PACKETS);
    const ours = drops.filter(isOurs);
    expect(output.notTraced).to.equal(undefined);
    expect(ours).to.have.length(5);
    expect(ours.map(({ places }) => places[0]?.device)).to.deep.equal(['lo', 'lo', 'lo', 'lo', 'lo']);
    expect(ours.every(({ function: place, reason }) => (reason === undefined || reason === 'NO_SOCKET') && /udp/.test(place))).to.equal(true);
    await gone(() => [...instances(), ...folders()].filter((name) => own.includes(name) || dirs.includes(name)));
  });

  it('first removes what a killed run left behind, once its time is over', async () => {
    traced('mkdir /mnt/instances/netdoctor-1d-1000 /mnt/instances/netdoctor-1v-99999999999');
    try {
      await (await watch()).stop();
      expect(instances()).to.include('netdoctor-1v-99999999999').and.not.include('netdoctor-1d-1000');
    } finally {
      traced('rmdir /mnt/instances/netdoctor-1v-99999999999');
    }
  });

  it('ends by itself when nobody stops it', async () => {
    const before = instances();
    const armed = await armWatch(session, { taps: [], filter: '', maxSeconds: 1 });
    const own = instances().filter((name) => !before.includes(name));
    await gone(() => instances().filter((name) => own.includes(name)));
    expect(readWatch(await armed.stop()).drops?.anchors.length).to.be.greaterThan(1);
  });

  it('is not told by an agent inside a pod', async () => {
    const raw = await (await armWatch({ ...session, reach: 'pod' }, { taps: [], filter: '', maxSeconds: 1 })).stop();
    expect(readWatch(raw)).to.include({ notTraced: 'there is no agent on the node itself' });
  });
});
