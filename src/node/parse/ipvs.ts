import type { IpvsService } from '../snapshot.ts';
import { canonicalAddress } from './address.ts';
import { networkOrderAddress } from './hex-address.ts';
import { linesOf, type Parsed } from './json.ts';

const SERVICE = /^(TCP|UDP|SCTP)\s+(?:([0-9A-F]{8})|\[([0-9a-fA-F:.]+)\]):([0-9A-F]{4}) (\S+)/;
const MARKED = /^FWM\s+([0-9A-F]{8}) (\S+)/;
const SERVER = /^\s+->\s+(?:([0-9A-F]{8})|\[([0-9a-fA-F:.]+)\]):([0-9A-F]{4})\s+(\S+)\s+(-?\d+)/;

const addressOf = (v4: string | undefined, v6: string | undefined): string =>
  v4 === undefined ? canonicalAddress(v6 ?? '') : networkOrderAddress(v4);

const persistence = (line: string): { persistent?: boolean } => (/\bpersistent\b/.test(line) ? { persistent: true } : {});

/** /proc/net/ip_vs (ip_vs_info_seq_show, net/netfilter/ipvs/ip_vs_ctl.c); a firewall mark's service has no port and its mark as address. */
export const parseIpvs = (text: string): Parsed<IpvsService[]> => {
  const value: IpvsService[] = [];
  const unparsed: string[] = [];
  for (const line of linesOf(text)) {
    const service = line.match(SERVICE);
    const marked = line.match(MARKED);
    const server = line.match(SERVER);
    if (service) {
      const [, protocol = '', v4, v6, port = '0', scheduler = ''] = service;
      value.push({
        protocol: protocol.toLowerCase(),
        address: addressOf(v4, v6),
        port: Number.parseInt(port, 16),
        scheduler,
        ...persistence(line),
        servers: [],
      });
    } else if (marked) {
      value.push({
        protocol: 'fwmark',
        address: `0x${(marked[1] ?? '').toLowerCase()}`,
        port: 0,
        scheduler: marked[2] ?? '',
        ...persistence(line),
        servers: [],
      });
    } else if (server && value.length > 0) {
      const [, v4, v6, port = '0', forward = '', weight] = server;
      value.at(-1)?.servers.push({ address: addressOf(v4, v6), port: Number.parseInt(port, 16), weight: Number(weight), forward });
    } else if (!/^(IP Virtual Server|Prot|\s+-> RemoteAddress)/.test(line)) {
      unparsed.push(line.slice(0, 120));
    }
  }
  return { value, unparsed };
};
