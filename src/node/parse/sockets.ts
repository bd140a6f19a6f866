import type { ListeningSocket } from '../snapshot.ts';
import { canonicalAddress, familyOf } from './address.ts';
import { hostOrderAddress } from './hex-address.ts';
import { linesOf, optional, type Parsed, readEach } from './json.ts';

const isProtocol = (text: string | undefined): text is ListeningSocket['protocol'] => text === 'tcp' || text === 'udp' || text === 'sctp';

/** `10.0.0.1:53`, `[::]:80`, `*:80` (both families), `127.0.0.53%lo:53`, `:::80` of an old ss. */
const readLocal = (text: string): { address: string; port: number; dual: boolean } | undefined => {
  const match = text.match(/^(.*):(\d+)$/);
  if (!match) return undefined;
  const place = (match[1] ?? '').replace(/^\[(.*)\](%.*)?$/, '$1').replace(/%.*$/, '');
  const port = Number(match[2]);
  if (place === '*' || place === '::' ? text.startsWith('*') || text.startsWith(':::') : false) return { address: '::', port, dual: true };
  return { address: canonicalAddress(place), port, dual: false };
};

const fromSs = (line: string): ListeningSocket | undefined => {
  const [protocol, , , , local = '', , ...rest] = line.trim().split(/\s+/);
  const place = readLocal(local);
  if (!isProtocol(protocol) || !place) return undefined;
  return { protocol, family: familyOf(place.address), ...place, ...optional('process', rest.join(' ').match(/\(\("([^"]*)"/)?.[1]) };
};

/** `ss -ltunp`, with its heading or without */
export const parseSockets = (text: string): Parsed<ListeningSocket[]> =>
  readEach(
    linesOf(text).filter((line) => !line.startsWith('Netid ')),
    fromSs,
  );

const fromProc = (line: string): ListeningSocket | undefined => {
  const match = line.match(/^\/proc\/net\/(tcp|udp)6?: *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) /);
  if (!isProtocol(match?.[1]) || match[2] === undefined) return undefined;
  const address = hostOrderAddress(match[2]);
  // IPV6_V6ONLY is not told here; off is the kernel's default (net.ipv6.bindv6only)
  return { protocol: match[1], family: familyOf(address), address, port: Number.parseInt(match[3] ?? '0', 16), dual: address === '::' };
};

/** Listening lines of /proc/net/tcp, tcp6, udp, udp6 as grep -H prints them */
export const parseProcSockets = (text: string): Parsed<ListeningSocket[]> => readEach(linesOf(text), fromProc);

const fromSctp = (line: string): ListeningSocket[] => {
  const words = line.trim().split(/\s+/);
  const port = Number(words[5]);
  if (!Number.isInteger(port)) return [];
  return words
    .slice(8)
    .map((address) => ({ protocol: 'sctp' as const, family: familyOf(address), address: canonicalAddress(address), port, dual: false }));
};

/** /proc/net/sctp/eps: `ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS` */
export const parseSctpEndpoints = (text: string): Parsed<ListeningSocket[]> => ({ value: linesOf(text).slice(1).flatMap(fromSctp), unparsed: [] });
