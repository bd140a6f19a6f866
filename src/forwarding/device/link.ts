import type { Link } from '../../node/snapshot.ts';
import type { StopDetail } from '../flight.ts';

/** Why nothing gets out of a device at all. */
export const linkProblem = (device: Link): StopDetail | undefined => {
  if (!device.up) return { reason: 'link-down', message: `${device.name} is down`, facts: { interface: device.name } };
  if (device.carrier) return undefined;
  return { reason: 'no-carrier', message: `${device.name} has no carrier: its far end is down or gone`, facts: { interface: device.name } };
};

/** Devices without link-level addresses: what is sent is for whoever is at the other end (IFF_NOARP, IFF_POINTOPOINT). */
const addressless = new Set(['ipip', 'sit', 'gre', 'ip6tnl', 'ip6gre', 'vti', 'vti6', 'wireguard', 'xfrm', 'ppp', 'vrf', 'dummy', 'nlmon']);

export const hasAddresses = ({ kind, name, mac }: Link): boolean => !addressless.has(kind) && name !== 'lo' && mac !== undefined;
