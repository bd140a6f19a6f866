import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { expect } from 'chai';
import { filterProblem } from '../../../src/probe/stream/check-filter.ts';
import { openStream, type PacketStream, stopStreams } from '../../../src/probe/stream/open-stream.ts';
import type { StreamedPacket } from '../../../src/probe/stream/pcap-reader.ts';
import type { TapRequest } from '../../../src/probe/tap/tap-output.ts';
import { localSession } from './local-session.ts';

const session = localSession('here');
const here: TapRequest = { node: 'here', netns: '1', from: { netns: 'host' } };
const able = process.getuid?.() === 0 && spawnSync('tcpdump', ['--version']).status === 0;

const options = (onPackets: (packets: StreamedPacket[]) => void, more = {}) => ({
  filter: 'udp dst port 47113',
  maxSeconds: 5,
  maxPackets: 100,
  snaplen: 256,
  onPackets,
  ...more,
});

const opened = (stream: PacketStream | string): PacketStream => {
  if (typeof stream === 'string') throw new Error(stream);
  return stream;
};

const until = async (what: string, condition: () => boolean): Promise<void> => {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

const send = (text: string): Promise<void> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.send(text, 47_113, '127.0.0.1', () => {
      socket.close();
      resolve();
    });
  });

describe(`a capture that streams${able ? '' : ' (skipped: needs root and tcpdump)'}`, function () {
  this.timeout(15_000);
  before(function () {
    if (!able) this.skip();
  });

  it('gives packets while it runs, names interfaces, and says in the end what was lost', async () => {
    const packets: StreamedPacket[] = [];
    const stream = opened(
      await openStream(
        session,
        here,
        options((more) => packets.push(...more)),
      ),
    );
    expect([...stream.interfaces.values()]).to.include('lo');
    expect(Math.abs(stream.clock?.offsetMs ?? Number.NaN)).to.be.at.most((stream.clock?.boundMs ?? 0) + 20);
    await send('one');
    await until('the first packet', () => packets.length === 1);
    expect(stream.linktype).to.be.oneOf([113, 276]);
    await send('two');
    await stopStreams(session, [stream]);
    expect(await stream.ended).to.deep.equal({ lost: 0 });
    expect(packets.map(({ bytes }) => bytes.subarray(-3).toString())).to.deep.equal(['one', 'two']);
    const now = BigInt(Date.now()) * 1_000_000n;
    expect(packets.every(({ nanos }) => now - nanos < 10_000_000_000n && nanos <= now + 1_000_000_000n)).to.equal(true);
  });

  it('ends by itself when it has enough packets, or its time is over', async () => {
    const packets: StreamedPacket[] = [];
    const stream = opened(
      await openStream(
        session,
        here,
        options((more) => packets.push(...more), { maxPackets: 2 }),
      ),
    );
    await send('a');
    await send('b');
    expect(await stream.ended).to.deep.equal({ lost: 0 });
    expect(packets).to.have.length(2);
    const short = opened(
      await openStream(
        session,
        here,
        options(() => undefined, { maxSeconds: 1 }),
      ),
    );
    expect(await short.ended).to.deep.equal({ lost: 0 });
  });

  it('says why it cannot be', async () => {
    const gone: TapRequest = { ...here, from: { netns: 'pid', pid: 2 ** 22 + 1 } };
    expect(
      await openStream(
        session,
        gone,
        options(() => undefined),
      ),
    ).to.equal('process 4194305 is gone');
    expect(
      await openStream(
        session,
        here,
        options(() => undefined, { filter: 'no such thing' }),
      ),
    ).to.match(/syntax error|can't parse|no such|unknown/i);
    const bare = localSession('here', ['env', '-i', 'PATH=/nonexistent']);
    expect(
      await openStream(
        bare,
        here,
        options(() => undefined),
      ),
    ).to.be.a('string');
    expect(
      await openStream(
        { ...session, reach: 'pod' },
        here,
        options(() => undefined),
      ),
    ).to.equal('there is no agent on the node itself');
  });

  it("takes a user's expression, and says what is wrong with it", async () => {
    expect(await filterProblem(session, 'tcp port 80 and not host 10.0.0.1')).to.equal(undefined);
    expect(await filterProblem(session, 'tcp prot 80')).to.match(/syntax error/);
    expect(await filterProblem(session, 'port 80) or (tcp')).to.match(/syntax error/);
    expect(await filterProblem(session, '-w /tmp/netdoctor-must-not-exist')).to.be.a('string');
  });
});
