import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import stringWidth from 'string-width';
import { type Interpretation, interpret } from '../../../src/capture/interpret.ts';
import type { CapturedPacket } from '../../../src/capture/packet.ts';
import { createPcapngWriter } from '../../../src/capture/pcapng-writer.ts';
import { createRecogniser } from '../../../src/capture/recognise.ts';
import { allHops, createHopFinder, placesOf } from '../../../src/capture/ways.ts';
import type { PacketWriter } from '../../../src/capture/writer.ts';
import { USUAL_TUNNEL_PORTS } from '../../../src/probe/tap/tunnel.ts';
import type { Canvas } from '../../../src/report/canvas.ts';
import { createLineWriter } from '../../../src/report/capture-lines.ts';
import { cooked2 } from '../probe/packets.ts';
import { matchSnapshot } from '../snapshot.ts';
import { crossing } from './crossing.ts';

const { way, seen } = crossing();

/** One answered probe, seen everywhere, and somebody who asks for an address. */
const packets = (): CapturedPacket[] => {
  const recogniser = createRecogniser();
  recogniser.expect([{ probe: 'main', attempt: 0, protocol: 'tcp', destination: '10.244.1.5', port: 8080, sourcePort: 61_440 }]);
  const how: Interpretation = { finder: createHopFinder(allHops([way])), recogniser, tunnels: USUAL_TUNNEL_PORTS, probes: new Map([['main', 1]]) };
  const [first] = seen('there');
  const arp = cooked2(0x0806, 2, 4, Buffer.from('000108000604000102000000000c0af400040000000000000af40001', 'hex'));
  const asking = first ? [{ source: first.source, packet: { nanos: first.packet.nanos - 40_000n, bytes: arp, length: arp.length } }] : [];
  return [...asking, ...seen('there'), ...seen('back')].flatMap(({ source, packet }) => {
    const captured = interpret(source, packet, packet.nanos, how);
    return typeof captured === 'string' ? [] : [captured];
  });
};

const written = (writer: PacketWriter): Buffer =>
  Buffer.concat([
    writer.start(),
    ...packets().map((packet) => writer.packet(packet)),
    writer.end(1_700_000_001_000_000_000n, [{ node: 'node1', netns: '4026532000', where: 'host', packets: 3 }]),
  ]);

const pcapng = (): Buffer =>
  written(
    createPcapngWriter({
      application: 'kubectl-netdoctor test',
      comments: ['kubectl netdoctor capture web-0 db-0', 'node2 agrees'],
      places: placesOf([way]),
      snaplen: 2048,
      macOf: ({ interface: name }) => (name === 'cni0' ? '0a:58:0a:f4:00:01' : undefined),
    }),
  );

const shark = spawnSync('tshark', ['--version']).status === 0;

describe(`the merged pcapng, read by Wireshark's own reader${shark ? '' : ' (skipped: needs tshark)'}`, () => {
  let folder: string;
  let file: string;
  before(function () {
    if (!shark) this.skip();
    folder = mkdtempSync(join(tmpdir(), 'nd-pcapng-'));
    file = join(folder, 'out.pcapng');
    writeFileSync(file, pcapng());
  });
  after(() => folder && rmSync(folder, { recursive: true }));

  const fields = (...names: string[]): string[][] =>
    execFileSync('tshark', ['-r', file, '-d', 'udp.port==8472,vxlan', '-T', 'fields', ...names.flatMap((name) => ['-e', name])], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'));

  it('has an interface per hop, by node, place and name, with what the model says', () => {
    const rows = fields('frame.interface_name', 'frame.interface_description');
    expect(rows.map(([name]) => name).slice(1, 11)).to.deep.equal([
      'node1/default/web-0/eth0',
      'node1/host/veth-web-0',
      'node1/host/cni0',
      'node1/host/flannel.1',
      'node1/host/eth0',
      'node2/host/eth0',
      'node2/host/flannel.1',
      'node2/host/cni0',
      'node2/host/veth-db-0',
      'node2/default/db-0/eth0',
    ]);
    expect(rows[4]?.[1]).to.match(/^hop 4 there: VXLAN 1 → 10\.33\.188\.142.*; hop 7 back: VXLAN 1 taken off/);
  });

  it('has times to the nanosecond and a comment on every packet of the probe', () => {
    const rows = fields('frame.time_epoch', 'frame.comment');
    expect(rows[1]).to.deep.equal(['1700000000.000000000', 'attempt 1 of 1: request at hop 1 of 10 there, out']);
    expect(rows[2]).to.deep.equal(['1700000000.000010000', 'attempt 1 of 1: request at hop 2 of 10 there, in']);
    expect(rows.at(-1)?.[1]).to.equal('attempt 1 of 1: reply at hop 10 of 10 back, in');
  });

  it('shows what is inside the tunnel', () => {
    const [, , , , , wrapped] = fields('udp.dstport', 'vxlan.vni', 'ip.dst', 'tcp.dstport');
    expect(wrapped).to.deep.equal(['8472', '1', '10.33.188.142,10.244.1.5', '8080']);
  });

  it('says what wrote it, which command, and what the kernel lost', () => {
    const about = execFileSync('capinfos', [file], { encoding: 'utf8' });
    expect(about)
      .to.match(/Capture application: +kubectl-netdoctor test/)
      .and.match(/Capture comment: +kubectl netdoctor capture web-0 db-0/)
      .and.match(/Number of packets: +21/)
      .and.match(/Strict time order: +True/);
  });
});

const canvas: Canvas = { columns: 0, colour: false, unicode: true };

const lines = (on: Canvas, noHeaders = false): string =>
  written(
    createLineWriter(on, { title: ['default/web-0 → default/db-0'], places: placesOf([way]).map(({ place }) => place), noHeaders, probes: true }),
  ).toString();

describe('a capture line by line', () => {
  it('reads well in a wide terminal', () => matchSnapshot('report/capture-200', lines({ ...canvas, columns: 200 })));

  it('reads well in 80 columns', () => matchSnapshot('report/capture-80', lines({ ...canvas, columns: 80 })));

  it('keeps within 80 columns', () =>
    expect(
      lines({ ...canvas, columns: 80 })
        .split('\n')
        .filter((line) => stringWidth(line) > 80),
    ).to.deep.equal([]));

  it('leaves out its head when asked to', () => expect(lines(canvas, true)).to.not.include('INTERFACE'));

  it('is plain where the console has no Unicode', () =>
    expect([...lines({ ...canvas, unicode: false }).replace(/^.*\n/, '')].filter((character) => (character.codePointAt(0) ?? 0) > 126)).to.deep.equal(
      [],
    ));
});
