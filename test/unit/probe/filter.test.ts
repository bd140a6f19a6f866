import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { captureFilter } from '../../../src/probe/tap/capture-filter.ts';
import { readPcap } from '../../../src/probe/tap/pcap.ts';
import { cooked2, ethernet, geneve, ipv4, ipv6, pcap, tcp, udp, vxlan } from './packets.ts';

const tcpdump = spawnSync('tcpdump', ['--version']).status === 0;
const SYN = 2;
const A6 = 'fd440001000000000000000000000004';
const B6 = 'fd440002000000000000000000000005';
/** Port block 0xf700, cookie 6e641237. */
const filter = captureFilter({ mark: 0x1237, addresses: ['10.244.1.4', 'fd44:2::5', '10.34.188.7'], ports: [8080, 53, 9999] });

/** How many of these packets tcpdump lets through. */
const passed = (packets: Buffer[]): number => {
  const folder = mkdtempSync(join(tmpdir(), 'ndtap-'));
  try {
    writeFileSync(join(folder, 'in.pcap'), pcap(276, packets));
    const out = execFileSync('tcpdump', ['-nn', '-r', join(folder, 'in.pcap'), '-w', '-', filter], { stdio: ['ignore', 'pipe', 'ignore'] });
    return readPcap(out)?.records.length ?? -1;
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const four = (protocol: number, payload: Buffer, source = '10.244.1.4'): Buffer => ipv4(source, '10.244.2.5', protocol, payload);
const six = (next: number, payload: Buffer): Buffer => ipv6(A6, B6, next, payload);
const bare = (packet: Buffer): Buffer => cooked2((packet[0] ?? 0) >> 4 === 4 ? 0x0800 : 0x86dd, 2, 0, packet);
const framed = (packet: Buffer): Buffer => ethernet((packet[0] ?? 0) >> 4 === 4 ? 0x0800 : 0x86dd, packet);
const ping = (type: number, cookie: string): Buffer =>
  Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 1, 0, 1]), Buffer.alloc(16), Buffer.from(cookie, 'hex'), Buffer.alloc(20)]);

/** Every way to carry a packet that the filter knows. */
const carriages: Record<string, (packet: Buffer) => Buffer> = {
  bare,
  'in VXLAN': (packet) => bare(four(17, udp(40000, 8472, vxlan(1, framed(packet))))),
  'in VXLAN over IPv6': (packet) => bare(six(17, udp(40000, 4789, vxlan(1, framed(packet))))),
  'in Geneve': (packet) => bare(four(17, udp(40000, 6081, geneve(1, Buffer.alloc(0), framed(packet))))),
  'in Geneve with options': (packet) => bare(four(17, udp(40000, 6081, geneve(1, Buffer.alloc(8), framed(packet))))),
  'in Geneve over IPv6': (packet) => bare(six(17, udp(40000, 6081, geneve(1, Buffer.alloc(8), framed(packet))))),
  'in IPIP': (packet) => bare(four((packet[0] ?? 0) >> 4 === 4 ? 4 : 41, packet)),
};

describe(`the capture filter${tcpdump ? '' : ' (skipped: needs tcpdump)'}`, () => {
  before(function () {
    if (!tcpdump) this.skip();
  });

  it('fits into the kernel', () => {
    const program = execFileSync('tcpdump', ['-y', 'LINUX_SLL2', '-i', 'any', '-dd', filter], { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
    // BPF_MAXINSNS of linux/bpf_common.h
    expect(program.trim().split('\n')).to.have.length.below(4096);
  });

  for (const [name, carry] of Object.entries(carriages)) {
    it(`passes probes and replies ${name}`, () => {
      const probes = [
        four(6, tcp(0xf712, 443, 1, 0, SYN)),
        four(6, tcp(443, 0xf712, 1, 2, 0x12)),
        four(6, tcp(443, 0xf712, 0, 2, 0x14)),
        // The source port is another after random masquerading.
        four(6, tcp(2000, 8080, 1, 0, SYN)),
        four(17, udp(2000, 3000, Buffer.from('6e6412370100', 'hex'))),
        four(17, udp(9999, 2000, Buffer.from('k')), '10.34.188.7'),
        // DNS ids start with 0x12 ^ 0x37.
        four(17, udp(2000, 53, Buffer.from('25aa01000001000000000000', 'hex'))),
        four(1, ping(8, '6e641237')),
        four(1, ping(0, '6e641237')),
        four(1, Buffer.concat([Buffer.from('0303000000000000', 'hex'), four(6, tcp(1, 2, 3, 0, SYN))])),
        six(6, tcp(0xf712, 443, 1, 0, SYN)),
        six(17, udp(2000, 3000, Buffer.from('6e6412370100', 'hex'))),
        six(58, ping(128, '6e641237')),
        six(58, Buffer.concat([Buffer.from('0104000000000000', 'hex'), six(6, tcp(1, 2, 3, 0, SYN))])),
      ];
      expect(passed(probes.map(carry))).to.equal(probes.length);
    });

    it(`passes nothing else ${name}`, () => {
      const others = [
        four(6, tcp(0xf612, 443, 1, 0, SYN)),
        four(6, tcp(0xf712, 443, 1, 0, 0x10)),
        four(6, tcp(2000, 8080, 1, 1, 0x18)),
        four(17, udp(2000, 3000, Buffer.from('6e6412380100', 'hex'))),
        four(17, udp(2000, 53, Buffer.from('26aa01000001000000000000', 'hex'))),
        four(17, udp(9999, 2000, Buffer.from('k')), '10.9.9.9'),
        four(1, ping(8, '6e641238')),
        four(1, ping(5, '6e641237')),
        six(58, ping(128, '6e641238')),
        six(58, ping(134, '6e641237')),
      ];
      expect(passed(others.map(carry))).to.equal(0);
    });
  }

  it('passes ARP and neighbour discovery for the addresses involved', () => {
    const arp = (target: string): Buffer => cooked2(0x0806, 2, 0, Buffer.from(`000108000604000102000000000c0af40101000000000000${target}`, 'hex'));
    const neighbour = (target: string): Buffer => bare(six(58, Buffer.from(`8700000000000000${target}0101020000000001`, 'hex')));
    expect(passed([arp('0af40104'), neighbour(B6)])).to.equal(2);
    expect(passed([arp('0af40105'), neighbour(A6)])).to.equal(0);
  });

  it('takes nothing but addresses from its addresses', () => {
    expect(captureFilter({ mark: 1, addresses: ['1.2.3.4 or tcp', '$(reboot)'], ports: [] }))
      .to.match(/^[a-z0-9&!=<+:[\]() ]+$/)
      .and.not.include('reboot');
  });
});
