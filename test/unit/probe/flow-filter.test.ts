import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { flowFilter, pingFilter } from '../../../src/probe/stream/flow-filter.ts';
import { readPcap } from '../../../src/probe/tap/pcap.ts';
import { cooked2, ethernet, geneve, ipv4, ipv6, pcap, tcp, udp, vxlan } from './packets.ts';

const tcpdump = spawnSync('tcpdump', ['--version']).status === 0;

const A6 = 'fd440001000000000000000000000004';
const B6 = 'fd440002000000000000000000000005';
const A = '10.244.1.4';
const B = '10.244.2.5';
/** What A asks for, and what that is translated to. */
const SERVICE = '10.96.0.10';
const ACK = 0x10;

const flows = [
  { source: A, destination: SERVICE },
  { source: A, destination: B },
  { source: 'fd44:1::4', destination: 'fd44:2::5' },
];

const passed = (packets: Buffer[], filter: string): number => {
  const folder = mkdtempSync(join(tmpdir(), 'ndtap-'));
  try {
    writeFileSync(join(folder, 'in.pcap'), pcap(276, packets));
    const out = execFileSync('tcpdump', ['-nn', '-r', join(folder, 'in.pcap'), '-w', '-', filter], { stdio: ['ignore', 'pipe', 'ignore'] });
    return readPcap(out)?.records.length ?? -1;
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const four = (source: string, destination: string, protocol: number, payload: Buffer): Buffer => ipv4(source, destination, protocol, payload);
const six = (source: string, destination: string, next: number, payload: Buffer): Buffer => ipv6(source, destination, next, payload);
const type = (packet: Buffer): number => ((packet[0] ?? 0) >> 4 === 4 ? 0x0800 : 0x86dd);
const bare = (packet: Buffer): Buffer => cooked2(type(packet), 2, 0, packet);
const framed = (packet: Buffer): Buffer => ethernet(type(packet), packet);
const between = (carried: Buffer, to: number): Buffer => four('10.33.0.1', '10.33.0.2', 17, udp(40000, to, carried));

const carriages: Record<string, (packet: Buffer) => Buffer> = {
  bare,
  'in VXLAN': (packet) => bare(between(vxlan(1, framed(packet)), 8472)),
  'in Geneve with options': (packet) => bare(between(geneve(1, Buffer.alloc(8), framed(packet)), 6081)),
  'in IPIP': (packet) => bare(four('10.33.0.1', '10.33.0.2', type(packet) === 0x0800 ? 4 : 41, packet)),
};

const unreachable = (quoted: Buffer): Buffer => Buffer.concat([Buffer.from('0301000000000000', 'hex'), quoted]);

describe(`the filter for users' own traffic${tcpdump ? '' : ' (skipped: needs tcpdump)'}`, () => {
  before(function () {
    if (!tcpdump) this.skip();
  });

  for (const [name, carry] of Object.entries(carriages)) {
    it(`passes both ways of it, translated or not, and errors about it, ${name}`, () => {
      const wanted = [
        four(A, SERVICE, 6, tcp(40000, 80, 1, 1, ACK)),
        four(SERVICE, A, 6, tcp(80, 40000, 1, 1, ACK)),
        four(A, B, 17, udp(1, 2, Buffer.from('x'))),
        four(B, A, 1, Buffer.from('0000000000010001', 'hex')),
        four(A, B, 47, Buffer.alloc(20)),
        six(A6, B6, 6, tcp(40000, 80, 1, 1, ACK)),
        six(B6, A6, 6, tcp(80, 40000, 1, 1, ACK)),
        four('10.33.0.1', A, 1, unreachable(four(A, B, 6, tcp(1, 2, 3, 0, 2)))),
      ];
      expect(passed(wanted.map(carry), flowFilter({ flows }))).to.equal(wanted.length);
    });

    it(`passes nobody else's, ${name}`, () => {
      const others = [
        four(A, '10.244.2.6', 6, tcp(40000, 80, 1, 1, ACK)),
        four('10.244.1.5', B, 6, tcp(40000, 80, 1, 1, ACK)),
        four(B, SERVICE, 6, tcp(40000, 80, 1, 1, ACK)),
        six(A6, A6, 6, tcp(40000, 80, 1, 1, ACK)),
        four('10.33.0.1', '10.9.9.9', 1, unreachable(four('10.9.9.9', B, 6, tcp(1, 2, 3, 0, 2)))),
      ];
      expect(passed(others.map(carry), flowFilter({ flows }))).to.equal(0);
    });
  }

  it('passes only the protocol and the port asked for', () => {
    const filter = flowFilter({ flows: [{ source: A, destination: B, port: 80 }], protocol: { 4: 6, 6: 6 } });
    const packets = [
      four(A, B, 6, tcp(40000, 80, 1, 1, ACK)),
      four(B, A, 6, tcp(80, 40000, 1, 1, ACK)),
      four(A, B, 6, tcp(80, 40000, 1, 1, ACK)),
      four(A, B, 17, udp(40000, 80, Buffer.alloc(4))),
    ];
    expect(passed(packets.map(bare), filter)).to.equal(2);
  });

  it('takes what two nodes carry for others for no traffic of their own', () => {
    const filter = flowFilter({ flows: [{ source: '10.33.0.1', destination: '10.33.0.2' }] });
    const inner = four('10.9.9.9', '10.9.9.8', 6, tcp(1, 2, 3, 0, 2));
    expect(passed([bare(between(vxlan(1, framed(inner)), 8472)), bare(between(Buffer.from('x'), 53))], filter)).to.equal(1);
  });

  it('of a Service with eight endpoints fits into the kernel', () => {
    const many = Array.from({ length: 8 }, (_, index) => [
      { source: A, destination: `10.244.2.${index + 1}`, port: 8080 },
      { source: '10.33.0.1', destination: `10.244.2.${index + 1}`, port: 8080 },
    ]).flat();
    const program = execFileSync('tcpdump', ['-y', 'LINUX_SLL2', '-i', 'any', '-dd', flowFilter({ flows: many })], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
    // BPF_MAXINSNS of linux/bpf_common.h
    expect(program.trim().split('\n')).to.have.length.below(4096);
  });

  it('lets the pings through that compare clocks', () => {
    const ping = (number: string): Buffer =>
      Buffer.concat([Buffer.from('0800000000010001', 'hex'), Buffer.alloc(16), Buffer.from(number, 'hex'), Buffer.alloc(8)]);
    expect(
      passed([bare(four('1.1.1.1', '2.2.2.2', 1, ping('6e641237'))), bare(four('1.1.1.1', '2.2.2.2', 1, ping('6e641238')))], pingFilter(0x1237)),
    ).to.equal(1);
  });
});
