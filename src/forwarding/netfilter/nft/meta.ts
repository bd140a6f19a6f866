import { isTranslated, trackedPort } from '../../conntrack.ts';
import { ownedFlight } from '../../flight.ts';
import { isV6, type Pass } from '../../pass.ts';
import { protocolOf } from '../../protocol.ts';
import { addressType, routeType6 } from '../../route/address-type.ts';
import { reverseDevice } from '../../route/reverse-path.ts';
import { linkNamed } from '../../world.ts';
import type { Json } from './json.ts';
import { ARP, addressValue } from './payload.ts';
import { absent, type Value } from './value.ts';

/** What the kernel knows beside the packet (nft_meta.c). */
export const meta = (key: string, pass: Pass): Value => {
  const { flight, iif, oif, bridgeIn, bridgeOut, place, frame } = pass;
  const v6 = isV6(flight.packet);
  const arp = flight.solicits === 'arp';
  switch (key) {
    case 'l4proto':
      return arp ? absent : protocolOf(flight.packet);
    case 'iif':
    case 'iifname':
      // behind the bridge nobody says any more where it came from (net/bridge/br_forward.c br_forward_finish)
      if (pass.bridge !== undefined && pass.hook === 'postrouting') return '';
      return pass.hook === 'ingress' || pass.bridge === undefined ? (iif ?? '') : (bridgeIn ?? iif ?? '');
    case 'oif':
    case 'oifname':
      return pass.bridge === undefined ? (oif ?? '') : (bridgeOut ?? oif ?? '');
    case 'ibrname':
      return pass.bridge && bridgeIn !== undefined ? pass.bridge : absent;
    case 'obrname':
      return pass.bridge && bridgeOut !== undefined ? pass.bridge : absent;
    case 'iifkind':
      return iif === undefined ? absent : linkNamed(place.netns, iif)?.kind;
    case 'oifkind':
      return oif === undefined ? absent : linkNamed(place.netns, oif)?.kind;
    case 'mark':
      return flight.mark;
    case 'nfproto':
      return v6 ? 'ipv6' : 'ipv4';
    case 'protocol':
      return arp ? ARP : v6 ? 0x86dd : 0x0800;
    case 'pkttype':
      return frame.toAll ?? 'host';
    case 'length':
      return flight.packet.length;
    case 'skuid':
      return owned(pass, 'uid');
    case 'skgid':
      return owned(pass, 'gid');
    default:
      return undefined;
  }
};

const owned = ({ flight, place }: Pass, which: 'uid' | 'gid'): Value => {
  const own = ownedFlight(flight, place.netns.inode);
  return own ? own.packet[which] : absent;
};

const stateBits = { INVALID: 1, ESTABLISHED: 2, RELATED: 4, NEW: 8, UNTRACKED: 64 };

/** nft_ct.c */
export const conntrack = ({ key, dir }: Json, { tracking: { state, found, zone }, flight, journey }: Pass): Value => {
  if (key === 'state') return stateBits[state];
  if (!found) return absent;
  const { connection, direction } = found;
  const tuple = dir === 'reply' ? connection.reply : connection.original;
  switch (key) {
    case 'status': {
      const under = journey.options.connection === 'established' ? 4 + 8 : connection.confirmed ? 8 : 0;
      const translated = (isTranslated(connection, 'source') ? 16 : 0) + (isTranslated(connection, 'destination') ? 32 : 0);
      return translated + under + (connection.seenReply ? 2 : 0);
    }
    case 'direction':
      return direction;
    case 'mark':
      return connection.mark;
    case 'zone':
      return zone;
    case 'protocol':
      return protocolOf(flight.packet);
    case 'l3proto':
      return isV6(flight.packet) ? 'ipv6' : 'ipv4';
    case 'saddr':
    case 'ip saddr':
    case 'ip6 saddr':
      return addressValue(tuple.source);
    case 'daddr':
    case 'ip daddr':
    case 'ip6 daddr':
      return addressValue(tuple.destination);
    case 'proto-src':
      return tuple.sourcePort === undefined ? absent : trackedPort(connection, dir === 'reply' ? 'reply' : 'original', 'sourcePort');
    case 'proto-dst':
      return tuple.destinationPort === undefined ? absent : trackedPort(connection, dir === 'reply' ? 'reply' : 'original', 'destinationPort');
    default:
      return undefined;
  }
};

/** `fib saddr . iif oif` is a reverse-path check; `fib daddr type` asks what the address is here (nft_fib_ipv4.c). */
export const fib = ({ result, flags }: Json, pass: Pass): Value => {
  const { place, flight, iif, oif } = pass;
  const asked = new Set(Array.isArray(flags) ? flags : [flags]);
  const side = asked.has('daddr') ? 'destination' : 'source';
  if (result === 'type') {
    const device = asked.has('oif') ? oif : asked.has('iif') ? iif : undefined;
    const type = isV6(flight.packet) ? routeType6 : addressType;
    return type(place, flight.packet[side], device)?.toLowerCase();
  }
  const device = reverseDevice(pass, { side, iif: asked.has('iif'), mark: asked.has('mark') });
  if (device === undefined) return undefined;
  return result === 'check' ? (device === missing ? 0 : 1) : device;
};

/** No route: nft prints it as `0`, as `missing`, or as false. */
const missing = '';
