import type { Rule } from '../../node/snapshot.ts';
import { familyOf } from '../address.ts';
import { assume, type Flight, isKernels, type Journey, portOf } from '../flight.ts';
import { protocolOf } from '../protocol.ts';
import type { Judge } from '../route/lookup.ts';
import type { RouteQuery } from '../route/rules.ts';
import { vrfOf } from '../route/vrf.ts';
import { type Place, placeKey } from '../world.ts';

/** What the packet's route is looked up by; `iif` is absent for what is sent from here. */
export const routeQuery = (flight: Flight, place: Place, iif?: string, oif?: string): RouteQuery => {
  const { packet, mark } = flight;
  return {
    family: familyOf(packet.destination),
    destination: packet.destination,
    source: packet.source,
    mark,
    iif: iif ?? 'lo',
    oif,
    preferred: iif === undefined ? flight.preferred : undefined,
    tos: packet.tos,
    uid: iif !== undefined || isKernels(flight) ? 0 : packet.uid,
    protocol: protocolOf(packet),
    sourcePort: portOf(flight, 'sourcePort'),
    destinationPort: portOf(flight, 'destinationPort'),
    vrf: vrfOf(place.netns, iif ?? oif),
  };
};

/** A rule that asks for what nobody knows of the packet (its owner, a port) may match or not. */
export const judgeOf =
  (journey: Journey, place: Place): Judge =>
  (rule) =>
    assume(journey, `${placeKey(place)} ip rule ${rule.family} ${rule.priority} ${rule.table}`, {
      kind: 'unknown',
      what: `not judged: ip rule ${ruleLine(rule)}`,
      ways: [{ label: 'does not match' }, { label: 'matches' }],
    }) === 1;

/** The rule as `ip rule` prints it. */
export const ruleLine = ({
  priority,
  not,
  from,
  to,
  fwmark,
  iif,
  oif,
  ipproto,
  sport,
  dport,
  uidRange,
  table,
  action,
  suppressPrefixLength,
}: Rule): string => {
  const words = (name: string, value: string | number | undefined): string => (value === undefined ? '' : `${name} ${value}`);
  return [
    `${priority}:`,
    not ? 'not' : '',
    `from ${/^(0\.0\.0\.0|::)\/0$/.test(from) ? 'all' : from}`,
    /^(0\.0\.0\.0|::)\/0$|^all$/.test(to) ? '' : `to ${to}`,
    words('fwmark', fwmark),
    words('iif', iif),
    words('oif', oif),
    words('uidrange', uidRange),
    words('ipproto', ipproto),
    words('sport', sport),
    words('dport', dport),
    action === 'lookup' ? words('lookup', table) : action,
    words('suppress_prefixlength', suppressPrefixLength),
  ]
    .filter((word) => word !== '')
    .join(' ');
};
