import type { WireguardDevice, WireguardPeer } from '../snapshot.ts';
import { linesOf, type Parsed } from './json.ts';

/**
 * Answers of `wg show all public-key`, `listen-port`, `fwmark`, `endpoints`, `allowed-ips` and `latest-handshakes`, each under a line `@ WHAT`;
 * each line begins with the device, those of peers with the peer's public key next. No private or preshared key is ever asked for.
 */
export const parseWireguard = (text: string): Parsed<WireguardDevice[]> => {
  const devices = new Map<string, WireguardDevice>();
  const unparsed: string[] = [];
  let what = '';
  for (const line of linesOf(text)) {
    const [name = '', first = '', ...rest] = line.split(/\s+/);
    if (name === '@') {
      what = first;
      continue;
    }
    const device = devices.get(name) ?? { device: name, peers: [] };
    devices.set(name, device);
    const read = readers[what];
    if (read) read(device, first, rest);
    else unparsed.push(line.slice(0, 120));
  }
  return { value: [...devices.values()], unparsed };
};

const isSet = (word: string): boolean => word !== '' && word !== '(none)' && word !== 'off';

const peerOf = (device: WireguardDevice, publicKey: string): WireguardPeer => {
  const known = device.peers.find((peer) => peer.publicKey === publicKey);
  if (known) return known;
  const made = { publicKey, allowedIps: [], latestHandshake: 0 };
  device.peers.push(made);
  return made;
};

const readers: Record<string, (device: WireguardDevice, first: string, rest: string[]) => void> = {
  'public-key': (device, key) => {
    if (isSet(key)) device.publicKey = key;
  },
  'listen-port': (device, port) => {
    device.listenPort = Number(port);
  },
  fwmark: (device, mark) => {
    if (isSet(mark)) device.fwmark = Number(mark);
  },
  endpoints: (device, key, [endpoint = '']) => {
    const peer = peerOf(device, key);
    if (isSet(endpoint)) peer.endpoint = endpoint;
  },
  'allowed-ips': (device, key, prefixes) => {
    peerOf(device, key).allowedIps = prefixes.filter(isSet);
  },
  'latest-handshakes': (device, key, [seconds = '0']) => {
    peerOf(device, key).latestHandshake = Number(seconds);
  },
};
