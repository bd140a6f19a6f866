import type { Context } from '../../context.ts';
import { type Field, itemsOf, membersOf, odd, oneOf, textOf, wholeNumber, wrong } from '../../field.ts';
import type { Direction, Traffic } from '../../model.ts';
import { NOTHING, PING, type PortProtocol } from '../../port-set.ts';
import { isPortName, named, numbered } from '../traffic.ts';

const PROTOCOLS: Record<string, readonly PortProtocol[]> = { TCP: ['tcp'], UDP: ['udp'], SCTP: ['sctp'], ANY: ['tcp', 'udp', 'sctp'] };

const readPort = (context: Context, field: Field, elsewhere: string | undefined): Traffic[] => {
  const members = membersOf(field, ['port', 'endPort', 'protocol']);
  const protocols = PROTOCOLS[members.protocol ? (oneOf(members.protocol, ['TCP', 'UDP', 'SCTP', 'ANY']) ?? 'ANY') : 'ANY'] ?? [];
  const { port: given } = members;
  const isNumber = typeof given?.value === 'number';
  if (given && isNumber) odd(given, `a text is expected: "${given.value}"`);
  const text = isNumber ? String(given.value) : textOf(given);
  if (text === undefined) return wrong(field, 'a port is expected') ?? [];
  const end = wholeNumber(members.endPort, 0, 65_535);
  const more = elsewhere === undefined ? {} : { elsewhere };
  if (isPortName(text.toLowerCase())) return [{ ...named(context, 0, text.toLowerCase(), protocols, end), ...more }];
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) return wrong(given ?? field, `"${text}" is no port: a number from 0 to 65535 or a name is expected`) ?? [];
  // port 0 alone is every port; a range that ends before it begins is its beginning (pkg/policy/portrange.go)
  const every = port === 0 && (end ?? 0) === 0;
  return protocols.map((protocol) => ({ ...(every ? numbered(0, protocol) : numbered(0, protocol, port, Math.max(end ?? 0, port))), ...more }));
};

const L7: Record<string, string> = { http: 'HTTP', kafka: 'Kafka', dns: 'DNS', l7: 'layer 7' };

/** What of a port rule a proxy decides, and what Cilium refuses of it (pkg/policy/api/rule_validation.go). */
const proxied = (field: Field | undefined, ports: readonly Field[], direction: Direction): string | undefined => {
  const members = membersOf(field, ['http', 'kafka', 'dns', 'l7', 'l7proto']);
  const [kind, ...others] = (['http', 'kafka', 'dns', 'l7'] as const).filter((name) => (itemsOf(members[name]) ?? []).length > 0);
  if (!field || kind === undefined) return undefined;
  if (others.length > 0) wrong(field, 'rules of several protocols are not allowed together');
  if (kind === 'l7' && !members.l7proto) wrong(field, 'l7 needs l7proto');
  if (kind === 'dns' && direction === 'ingress') wrong(field, 'DNS rules are for egress only');
  for (const port of ports) {
    const { protocol, port: number } = membersOf(port, ['port', 'endPort', 'protocol']);
    if (kind !== 'dns' && protocol?.value !== 'TCP') wrong(port, `${L7[kind]} rules need protocol TCP`);
    if (number?.value === '0') wrong(port, `${L7[kind]} rules need a port`);
  }
  return `its ${L7[kind]} rules, which a proxy decides`;
};

const MOST_PORTS = 40;

/** Absent where a rule says nothing of ports. */
export const readPortRules = (context: Context, field: Field | undefined, direction: Direction): Traffic[] | undefined => {
  const items = itemsOf(field);
  if (items === undefined || items.length === 0) return undefined;
  const traffic = items.flatMap((item) => {
    const members = membersOf(item, ['ports', 'rules', 'listener', 'serverNames', 'terminatingTLS', 'originatingTLS']);
    const other = members.listener ? 'its listener' : members.serverNames ? 'its server names, which a proxy compares' : undefined;
    const ports = itemsOf(members.ports) ?? [];
    if (members.ports && ports.length > MOST_PORTS) wrong(members.ports, `at most ${MOST_PORTS} ports are allowed`);
    const decider = proxied(members.rules, ports, direction) ?? other;
    return ports.flatMap((port) => readPort(context, port, decider));
  });
  // rules without ports match nothing
  return traffic.length > 0 ? traffic.map((one, index) => ({ ...one, index })) : [none(0, 'no port')];
};

const none = (index: number, text: string): Traffic => ({ index, text, names: [], ports: () => NOTHING });

/** Types that let a ping pass. Type 0 is like port 0 all there is, as both are one field of the policy map. */
const ECHO: Record<'IPv4' | 'IPv6', { types: (string | number)[]; family: 4 | 6 }> = {
  IPv4: { types: [8, '8', 'Echo', 'EchoRequest', 0, '0', 'EchoReply'], family: 4 },
  IPv6: { types: [128, '128', 'EchoRequest', 0, '0'], family: 6 },
};

const words = (text: string): Set<string> => new Set(text.split(' '));

/** Names of types in each family (pkg/policy/api/icmp.go). */
const TYPES = {
  IPv4: words(
    'EchoReply DestinationUnreachable Redirect Echo EchoRequest RouterAdvertisement RouterSelection TimeExceeded ParameterProblem Timestamp TimestampReply Photuris ExtendedEchoRequest ExtendedEchoReply',
  ),
  IPv6: words(
    'DestinationUnreachable PacketTooBig TimeExceeded ParameterProblem EchoRequest EchoReply MulticastListenerQuery MulticastListenerReport MulticastListenerDone RouterSolicitation RouterAdvertisement NeighborSolicitation NeighborAdvertisement RedirectMessage RouterRenumbering ICMPNodeInformationQuery ICMPNodeInformationResponse InverseNeighborDiscoverySolicitation InverseNeighborDiscoveryAdvertisement HomeAgentAddressDiscoveryRequest HomeAgentAddressDiscoveryReply MobilePrefixSolicitation MobilePrefixAdvertisement DuplicateAddressRequestCodeSuffix DuplicateAddressConfirmationCodeSuffix ExtendedEchoRequest ExtendedEchoReply',
  ),
};

const isType = (value: unknown, names: Set<string>): boolean => names.has(String(value)) || (/^\d{1,3}$/.test(String(value)) && Number(value) <= 255);

/** Absent where a rule says nothing of ICMP. */
export const readIcmps = (field: Field | undefined): Traffic[] | undefined => {
  const items = itemsOf(field);
  if (items === undefined || items.length === 0) return undefined;
  const fields = items.flatMap((item) => itemsOf(membersOf(item, ['fields']).fields) ?? []);
  if (fields.length === 0) return [none(0, 'no type of ICMP')];
  return fields.map((item, index): Traffic => {
    const { family, type } = membersOf(item, ['family', 'type']);
    const version = oneOf(family, ['IPv4', 'IPv6']) ?? 'IPv4';
    if (!isType(type?.value, TYPES[version])) wrong(type ?? item, `a type of ICMP is expected: 0 to 255 or its name in ${version}`);
    const { types, family: wanted } = ECHO[version];
    const echo = types.includes(type?.value as string | number);
    return {
      index,
      text: `ICMP type ${String(type?.value)}`,
      names: [],
      perDestination: true,
      ports: ({ address }) => (echo && (address === undefined || address.family === wanted) ? PING : NOTHING),
    };
  });
};
