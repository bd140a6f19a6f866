import { contains, familyOf, isMulticast, parseAddress, parsePrefix, sameAddress } from '../../address.ts';
import { isTranslated, type Tuple, trackedPort, tupleOf } from '../../conntrack.ts';
import { ownedFlight } from '../../flight.ts';
import { matchesMark } from '../../mark.ts';
import type { Pass } from '../../pass.ts';
import { protocolNumber, protocolOf } from '../../protocol.ts';
import { addressType, routeType6 } from '../../route/address-type.ts';
import { reverseLookupHolds } from '../../route/reverse-path.ts';
import type { Place } from '../../world.ts';
import { type Known, type Matcher, some } from '../context.ts';
import { inIpset } from '../ipset/lookup.ts';
import { interfaceMatches, portInRange } from './header-matches.ts';
import { conjunction, type Module, type OptionTable, ofConnection } from './module.ts';
import { has, type OptionUse, optionValue } from './words.ts';

/** SNAT and DNAT are no states but what became of the flow; a rule that lists several asks for any of them (xt_conntrack.c conntrack_mt). */
const state = (list = ''): Matcher => {
  const wanted = list.split(',');
  return ({ tracking: { state: own, found } }) =>
    wanted.includes(own) ||
    (found !== undefined && wanted.includes('DNAT') && isTranslated(found.connection, 'destination')) ||
    (found !== undefined && wanted.includes('SNAT') && isTranslated(found.connection, 'source'));
};

const tupleOfFlow = ({ tracking: { found }, flight }: Pass, which: 'original' | 'reply'): Tuple | undefined =>
  found?.connection[which] ?? (which === 'original' ? tupleOf(flight.packet) : undefined);

const tracked =
  (which: 'original' | 'reply', side: 'source' | 'destination') =>
  (text = ''): Matcher => {
    const prefix = parsePrefix(text);
    return (pass) => {
      if (!pass.tracking.found) return false;
      const value = parseAddress(tupleOfFlow(pass, which)?.[side] ?? '');
      return prefix && value ? contains(prefix, value) : undefined;
    };
  };

const portOfFlow =
  (which: 'original' | 'reply', side: 'sourcePort' | 'destinationPort') =>
  (text = ''): Matcher =>
  (pass) => {
    const { found } = pass.tracking;
    if (!found) return false;
    const port = trackedPort(found.connection, which, side);
    return port === undefined ? undefined : portInRange(text, port);
  };

/** Bits of enum ip_conntrack_status that a first packet and its answer can show. */
const status = (list = ''): Matcher => {
  const wanted = list.split(',');
  return ({ tracking: { found }, journey }) => {
    if (!found) return wanted.includes('NONE');
    const { seenReply, confirmed } = found.connection;
    const established = journey.options.connection === 'established';
    const own = [...(seenReply ? ['SEEN_REPLY'] : []), ...(established ? ['ASSURED'] : []), ...(established || confirmed ? ['CONFIRMED'] : [])];
    return wanted.some((word) => own.includes(word));
  };
};

const conntrack: OptionTable = {
  '--ctstate': state,
  '--state': state,
  '--ctproto':
    (name = '') =>
    ({ flight, tracking }) =>
      tracking.found ? protocolOf(flight.packet) === protocolNumber(name) : false,
  '--ctorigsrc': tracked('original', 'source'),
  '--ctorigdst': tracked('original', 'destination'),
  '--ctreplsrc': tracked('reply', 'source'),
  '--ctrepldst': tracked('reply', 'destination'),
  '--ctorigsrcport': portOfFlow('original', 'sourcePort'),
  '--ctorigdstport': portOfFlow('original', 'destinationPort'),
  '--ctreplsrcport': portOfFlow('reply', 'sourcePort'),
  '--ctrepldstport': portOfFlow('reply', 'destinationPort'),
  '--ctstatus': status,
  '--ctdir':
    (direction = '') =>
    ({ tracking: { found } }) =>
      found ? found.direction.toUpperCase() === direction.toUpperCase() : false,
  '--ctexpire': () => () => undefined,
};

const connmark: OptionTable = {
  '--mark':
    (text = '') =>
    ({ tracking: { found } }) =>
      found ? matchesMark(text, found.connection.mark) : false,
};

const set: Module = (options) => {
  const known = conjunction({ '--match-set': 'silent', '--return-nomatch': 'silent' })(options);
  const asked = options.find(({ name }) => name === '--match-set');
  if (!known || !asked) return undefined;
  const [name = '', sides = ''] = asked.values;
  const question = { name, sides: sides.split(','), returnNomatch: has(options, '--return-nomatch') };
  return [
    {
      matcher: (pass) => {
        const answer = inIpset(pass, question);
        return asked.inverted && answer !== undefined ? !answer : answer;
      },
    },
  ];
};

/** Types of IPv6 that are looked up; all others are told by the address itself, so that a host's own is unicast as well (xt_addrtype.c match_type6). */
const routed6 = new Set(['ANYCAST', 'LOCAL', 'PROHIBIT', 'UNREACHABLE']);

const typed6 = (place: Place, address: string, wanted: string[], device: string | undefined): Known => {
  const unspecified = sameAddress(address, '::');
  if (wanted.includes('MULTICAST') && !isMulticast(address)) return false;
  if (wanted.includes('UNICAST') && (isMulticast(address) || unspecified)) return false;
  if (wanted.includes('UNSPEC') && !unspecified) return false;
  if (!wanted.some((type) => routed6.has(type))) return true;
  const type = routeType6(place, address, device);
  if (type === undefined) return undefined;
  return type === 'LOCAL' ? wanted.includes('LOCAL') : type !== 'UNICAST' && type !== 'MULTICAST' && wanted.includes('UNREACHABLE');
};

const typed = (side: 'source' | 'destination', limit: 'iif' | 'oif' | undefined, list: string): Matcher => {
  const wanted = list.split(',');
  return ({ place, flight, iif, oif }) => {
    const device = limit === 'iif' ? iif : limit === 'oif' ? oif : undefined;
    const address = flight.packet[side];
    if (familyOf(address) === 6) return typed6(place, address, wanted, device);
    const type = addressType(place, address, device);
    return type === undefined ? undefined : wanted.includes(type);
  };
};

const addrtype: Module = (options) => {
  const limit = has(options, '--limit-iface-in') ? 'iif' : has(options, '--limit-iface-out') ? 'oif' : undefined;
  return conjunction({
    '--src-type': (list = '') => typed('source', limit, list),
    '--dst-type': (list = '') => typed('destination', limit, list),
    '--limit-iface-in': 'silent',
    '--limit-iface-out': 'silent',
  })(options);
};

const port = (which: 'bridgeIn' | 'bridgeOut') => {
  return (pattern = ''): Matcher => {
    return (pass) => (pass[which] === undefined ? false : interfaceMatches(pattern, pass[which]));
  };
};

const physdev: OptionTable = {
  '--physdev-in': port('bridgeIn'),
  '--physdev-out': port('bridgeOut'),
  '--physdev-is-in': () => (pass) => pass.bridgeIn !== undefined,
  '--physdev-is-out': () => (pass) => pass.bridgeOut !== undefined,
  '--physdev-is-bridged': () => (pass) => pass.bridgeIn !== undefined && pass.bridgeOut !== undefined,
};

/** Would a packet back to the source leave by the interface this one came in by? (net/ipv4/netfilter/ipt_rpfilter.c) */
const rpfilter: Module = (options) => {
  if (options.some(({ name }) => !['--validmark', '--loose', '--accept-local', '--invert'].includes(name))) return undefined;
  const flags = { loose: has(options, '--loose'), mark: has(options, '--validmark'), acceptLocal: has(options, '--accept-local') };
  const inverted = has(options, '--invert');
  return [
    {
      matcher: (pass) => {
        const holds = reverseLookupHolds(pass, flags);
        return holds === undefined ? undefined : holds !== inverted;
      },
    },
  ];
};

/** Forwarded packets have no owner, nor have the kernel's own; of a local one it is known only when the caller says so (xt_owner.c). */
const owner =
  (which: 'uid' | 'gid') =>
  (text = ''): Matcher =>
  ({ flight, place }) => {
    const owned = ownedFlight(flight, place.netns.inode);
    if (!owned) return false;
    const own = owned.packet[which];
    return own === undefined ? undefined : numbersContain(text, own);
  };

const numbersContain = (text: string, value: number): Known => {
  const [low, high] = text.split('-').map((word) => (word === 'root' ? 0 : Number(word)));
  if (low === undefined || Number.isNaN(low) || Number.isNaN(high)) return undefined;
  return value >= low && value <= (high ?? low);
};

/** `--rcheck` and `--update` ask for a list in the kernel's memory; `--set` only adds to it (xt_recent.c). */
const recent: Module = (options) => {
  const asks = ['--rcheck', '--update', '--remove'].find((name) => has(options, name));
  if (asks === undefined) return [];
  const name = optionValue(options, '--name') ?? 'DEFAULT';
  const side = has(options, '--rdest') ? 'destination' : 'source';
  const inverted = options.some((option) => option.name === asks && option.inverted);
  return [
    {
      matcher: ({ place, flight }) => {
        const list = place.netns.netfilter.recent?.[name];
        if (list === undefined) return undefined;
        // how long ago is not kept: an entry may be too old for the rule
        return list.includes(flight.packet[side]) ? undefined : inverted;
      },
    },
  ];
};

/** How often it says yes, whatever the packet (xt_statistic.c). */
const statistic: Module = (options: readonly OptionUse[]) => {
  const probability = options.find(({ name }) => name === '--probability');
  const nth = options.find(({ name }) => name === '--every');
  const chance = probability ? Number(probability.values[0]) : nth ? 1 / Number(nth.values[0]) : Number.NaN;
  return Number.isNaN(chance) ? undefined : [{ chance, inverted: (probability ?? nth)?.inverted === true }];
};

/** No probe speaks through a helper of conntrack's (ftp, sip…) unless a rule gave it one. */
const helper: OptionTable = {
  '--helper':
    () =>
    ({ tracking: { found } }) =>
      found ? undefined : false,
};

/** Nothing that is followed here goes by IPsec (net/netfilter/xt_policy.c). */
const policy: Module = (options) => {
  const pol = optionValue(options, '--pol');
  return pol === undefined ? undefined : [{ matcher: () => pol === 'none' }];
};

/** Packets that came by IPVS, and how, are told when it sends them on. */
const ipvs: OptionTable = {
  '--ipvs':
    () =>
    ({ flight }) =>
      flight.viaIpvs === true,
  '--vproto':
    (name = '') =>
    ({ flight }) =>
      flight.viaIpvs ? protocolOf(flight.packet) === protocolNumber(name) : false,
};

/** A listening socket takes the packet without being asked by route (xt_socket.c). */
const socket: Module = () => [
  {
    matcher: ({ place, flight: { packet } }) =>
      some([
        place.netns.sockets.some(({ protocol, port: own }) => protocol === packet.protocol && own === packet.destinationPort) ? undefined : false,
      ]),
  },
];

/** Modules that ask for what the kernel knows beside the packet. */
export const stateModules: Record<string, Module> = {
  conntrack: ofConnection(conntrack, ['--ctstate', '--state']),
  state: ofConnection(conntrack, ['--ctstate', '--state']),
  mark: conjunction({
    '--mark':
      (text = '') =>
      ({ flight }) =>
        matchesMark(text, flight.mark),
  }),
  connmark: ofConnection(connmark),
  set,
  addrtype,
  physdev: conjunction(physdev),
  rpfilter,
  owner: conjunction({
    '--uid-owner': owner('uid'),
    '--gid-owner': owner('gid'),
    '--socket-exists':
      () =>
      ({ flight, place }) =>
        ownedFlight(flight, place.netns.inode) !== undefined,
    '--suppl-groups': 'silent',
  }),
  policy,
  recent,
  statistic,
  helper: conjunction(helper),
  ipvs: conjunction(ipvs),
  socket,
};
