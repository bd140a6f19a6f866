import { sameAddress } from '../../../forwarding/address.ts';
import type { Context } from '../../context.ts';
import { type Field, itemsOf, membersOf, odd, oneOf, required, wholeNumber, wrong } from '../../field.ts';
import type { Action, Direction, Rule, Traffic } from '../../model.ts';
import { namedPorts, type Party } from '../../party.ts';
import { ANYTHING, intersect, NOTHING, PING, type PortProtocol, type PortSet, portSetText, portsOf, subtract, unite } from '../../port-set.ts';
import { type EntityRule, readEntity } from './entity.ts';
import { checkRule } from './refused.ts';

/** numorstring.Protocol: a name or a number. */
const PROTOCOLS: Record<string, PortProtocol | 'icmp' | 'other'> = {
  ...{ tcp: 'tcp', udp: 'udp', sctp: 'sctp', icmp: 'icmp', icmpv6: 'icmp', udplite: 'other' },
  ...{ 6: 'tcp', 17: 'udp', 132: 'sctp', 1: 'icmp', 58: 'icmp', 136: 'other' },
};

const isV6Only = (value: unknown): boolean => value === 58 || (typeof value === 'string' && value.toLowerCase() === 'icmpv6');
const isV4Only = (value: unknown): boolean => value === 1 || (typeof value === 'string' && value.toLowerCase() === 'icmp');

const readProtocol = (field: Field | undefined): PortProtocol | 'icmp' | 'other' | undefined => {
  if (!field) return undefined;
  const { value } = field;
  const known = PROTOCOLS[String(value).toLowerCase()];
  if (known && typeof value === 'string' && /^[a-z]/.test(value)) odd(field, `${value} is written in capitals`);
  if (known) return known;
  if (/^\d{1,3}$/.test(String(value)) && Number(value) >= 1 && Number(value) <= 255) return 'other';
  wrong(field, `${JSON.stringify(value)} is no protocol`);
  return 'other';
};

const ofProtocol = (protocol: PortProtocol | 'icmp' | 'other' | undefined): PortSet => {
  if (protocol === undefined) return ANYTHING;
  if (protocol === 'other') return NOTHING;
  return protocol === 'icmp' ? PING : portsOf(protocol);
};

type PortMatch = { name: string } | { from: number; to: number };

/** What a port may be called (numorstring.nameRegex), which is more than Kubernetes allows. */
const PORT_NAME = /^[\w.-]{1,128}$/;

/** A number, `FIRST:LAST`, or a name. */
const readPorts = (field: Field | undefined): PortMatch[] =>
  (itemsOf(field) ?? []).flatMap((item): PortMatch[] => {
    const { value } = item;
    if (typeof value === 'string' && PORT_NAME.test(value) && !/^\d+$/.test(value)) return [{ name: value }];
    const [from = 0, to = from] = /^\d+(:\d+)?$/.test(String(value)) ? String(value).split(':').map(Number) : [];
    if (from < 1 || from > to || to > 65_535) {
      wrong(item, `${JSON.stringify(value)} is no port: a number, FIRST:LAST or a name is expected`);
      return [];
    }
    return [{ from, to }];
  });

const portText = (match: PortMatch): string =>
  'name' in match ? match.name : match.from === match.to ? `${match.from}` : `${match.from}-${match.to}`;

/** What the matches mean at one destination: names are looked up there, if the rule means itself (felix, ruleToParsedRule). */
const resolve = (matches: readonly PortMatch[], destination: Party, protocols: readonly PortProtocol[], isItself: boolean): PortSet =>
  matches
    .flatMap((match) => {
      if (!('name' in match)) return protocols.map((protocol) => portsOf(protocol, match.from, match.to));
      return (isItself ? namedPorts(destination) : [])
        .filter(({ name, protocol }) => name === match.name && (protocols as readonly string[]).includes(protocol))
        .map(({ port, protocol }) => portsOf(protocol as PortProtocol, port));
    })
    .reduce(unite, NOTHING);

interface Icmp {
  type: number;
  code?: number;
}

/** Without a type it says nothing. */
const readIcmp = (field: Field | undefined): Icmp | undefined => {
  const members = membersOf(field, ['type', 'code']);
  if (field && members.code && !members.type) wrong(field, 'a code needs a type');
  const [type, code] = [wholeNumber(members.type, 0, 254), wholeNumber(members.code, 0, 255)];
  return type === undefined ? undefined : { type, ...(code === undefined ? {} : { code }) };
};

/** The echo request that a ping is, as ICMP and ICMPv6 number it. */
const isEcho = ({ type, code = 0 }: Icmp, { address }: Party): boolean => type === (address?.family === 6 ? 128 : 8) && code === 0;

/** Protocols with numbers of one family: another family's ping is not what they mean. */
const isOfFamily = (protocol: unknown, { address }: Party): boolean =>
  !(isV4Only(protocol) && address?.family === 6) && !(isV6Only(protocol) && address?.family !== 6);

/** Clients take their source ports from here (net.ipv4.ip_local_port_range as Linux has it). */
const EPHEMERAL = { from: 32_768, to: 60_999 };

const coversClients = (matches: readonly PortMatch[]): boolean =>
  matches.some((match) => !('name' in match) && match.from <= EPHEMERAL.from && match.to >= EPHEMERAL.to);

const touchesClients = (matches: readonly PortMatch[]): boolean =>
  matches.some((match) => !('name' in match) && match.from <= EPHEMERAL.to && match.to >= EPHEMERAL.from);

interface TrafficFields {
  protocol: Field | undefined;
  notProtocol: Field | undefined;
  icmp: Field | undefined;
  notICMP: Field | undefined;
  source: EntityRule;
  destination: EntityRule;
}

/** Protocol, ports and ICMP of a rule, all of which must hold, as one condition. */
const readTraffic = (context: Context, fields: TrafficFields): Traffic | undefined => {
  const { source, destination } = fields;
  const [protocol, notProtocol] = [readProtocol(fields.protocol), readProtocol(fields.notProtocol)];
  const [icmp, notIcmp] = [readIcmp(fields.icmp), readIcmp(fields.notICMP)];
  const [to, notTo] = [readPorts(destination.ports), readPorts(destination.notPorts)];
  const [from, notFrom] = [readPorts(source.ports), readPorts(source.notPorts)];
  const ported = protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp';
  const lists = [to, notTo, from, notFrom];
  for (const [index, list] of [destination.ports, destination.notPorts, source.ports, source.notPorts].entries()) {
    // a name brings its protocol with it
    const bare = lists[index]?.some((match) => protocol !== undefined || !('name' in match));
    if (list && bare && !ported) wrong(list, 'ports need protocol TCP, UDP or SCTP');
  }
  for (const match of [...to, ...notTo]) if ('name' in match) context.reads.portNames.add(match.name);
  const { service } = destination;
  const speaks = [protocol, notProtocol, icmp, notIcmp, service].some((one) => one !== undefined) || lists.flat().length > 0;
  if (!speaks) return undefined;
  const base = subtract(ofProtocol(protocol), notProtocol === undefined ? NOTHING : ofProtocol(notProtocol));
  const unreachable = (from.length > 0 && !coversClients(from)) || coversClients(notFrom);
  const byFamily = notProtocol === 'icmp' || icmp !== undefined || notIcmp !== undefined;
  const reachable = (party: Party): PortSet => {
    if (unreachable || !byFamily) return unreachable ? NOTHING : base;
    const pinged = isOfFamily(fields.notProtocol?.value, party) ? base : ofProtocol(protocol);
    return (icmp && !isEcho(icmp, party)) || (notIcmp && isEcho(notIcmp, party)) ? subtract(pinged, PING) : pinged;
  };
  const protocols: readonly PortProtocol[] = ported ? [protocol] : ['tcp', 'udp', 'sctp'];
  const backends = service
    ? context.world.endpoints.filter((one) => one.service.namespace === service.namespace && one.service.name === service.name)
    : undefined;
  const names = [...to, ...notTo].flatMap((match) => ('name' in match ? [match.name] : []));
  const text = [
    protocol === 'other' || protocol === 'icmp'
      ? String(fields.protocol?.value)
      : protocol === undefined
        ? portSetText(base).replace(to.length > 0 ? /^any$/ : '', '')
        : protocol.toUpperCase(),
    ...(to.length > 0 ? [to.map(portText).join(',')] : []),
    ...(notTo.length > 0 ? [`not ${notTo.map(portText).join(',')}`] : []),
    ...(from.length > 0 ? [`from ports ${from.map(portText).join(',')}`] : []),
    ...(service ? [`at the ports of Service ${service.namespace}/${service.name}`] : []),
  ]
    .filter((part) => part !== '')
    .join(' ');
  return {
    index: 0,
    text,
    names,
    perDestination: names.length > 0 || service !== undefined || byFamily,
    ports: (party) => {
      const open = reachable(party);
      const isItself = names.length > 0 && destination.isItself(party);
      const wanted = to.length > 0 ? intersect(open, resolve(to, party, protocols, isItself)) : open;
      const left = notTo.length > 0 ? subtract(wanted, resolve(notTo, party, protocols, isItself)) : wanted;
      if (!backends) return left;
      const offered = backends
        .filter(({ ip }) => party.addressText !== undefined && sameAddress(ip, party.addressText))
        .flatMap(({ ports }) => ports.map(({ port, protocol: own }) => (own === 'icmp' ? NOTHING : portsOf(own, port))));
      return intersect(left, offered.reduce(unite, NOTHING));
    },
    ...(from.length > 0 && touchesClients(from) && !coversClients(from) ? { elsewhere: 'the source port, which the client picks' } : {}),
  };
};

const FIELDS = ['action', 'ipVersion', 'protocol', 'icmp', 'notProtocol', 'notICMP', 'source', 'destination', 'http', 'metadata'] as const;

const ACTIONS: Record<'Allow' | 'Deny' | 'Log' | 'Pass', Action> = { Allow: 'allow', Deny: 'deny', Log: 'log', Pass: 'pass' };

const capital = <Word extends string>(field: Field | undefined, words: readonly Word[]): Word | undefined =>
  // the stored form of old releases has small letters
  field && typeof field.value === 'string'
    ? oneOf({ ...field, value: field.value.replace(/^./, (letter) => letter.toUpperCase()) }, words)
    : oneOf(field, words);

const versionOf = (field: Field | undefined): 4 | 6 | undefined => {
  if (!field) return undefined;
  return field.value === 4 || field.value === 6 ? field.value : wrong(field, `4 or 6 is expected, not ${JSON.stringify(field.value)}`);
};

const familyOf = (version: 4 | 6 | undefined, protocol: unknown): 4 | 6 | undefined =>
  version ?? (isV4Only(protocol) ? 4 : isV6Only(protocol) ? 6 : undefined);

/** projectcalico.org/v3 Rules of one direction. @param own namespace of the policy; absent for a global one */
export const readCalicoRules = (context: Context, field: Field | undefined, direction: Direction, own: string | undefined): Rule[] =>
  (itemsOf(field) ?? []).flatMap((item, index): Rule[] => {
    const members = membersOf(item, FIELDS);
    checkRule(item, direction, own);
    const word = capital(required(item, members.action, 'action'), ['Allow', 'Deny', 'Log', 'Pass']);
    const [source, destination] = [readEntity(context, members.source, own), readEntity(context, members.destination, own)];
    const [far, near] = direction === 'ingress' ? [source, destination] : [destination, source];
    const traffic = readTraffic(context, { ...fieldsOf(members), source, destination });
    const family = familyOf(versionOf(members.ipVersion), members.protocol?.value);
    if (word === undefined) return [];
    return [
      {
        index,
        at: `${direction}[${index}]`,
        action: ACTIONS[word],
        peers: far.peer ? [far.peer] : [],
        traffic: traffic ? [traffic] : [],
        ...(near.peer ? { own: near.peer } : {}),
        ...(family === undefined ? {} : { family }),
        ...(members.http ? { elsewhere: 'its HTTP match, which Envoy decides' } : {}),
      },
    ];
  });

const fieldsOf = ({
  protocol,
  notProtocol,
  icmp,
  notICMP,
}: { [Name in 'protocol' | 'notProtocol' | 'icmp' | 'notICMP']?: Field }): Omit<TrafficFields, 'source' | 'destination'> => ({
  protocol,
  notProtocol,
  icmp,
  notICMP,
});
