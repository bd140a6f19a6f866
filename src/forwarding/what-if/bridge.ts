import { parseFdb } from '../../node/parse/fdb.ts';
import type { BridgePort, BridgeVlan, FdbEntry, Netns } from '../../node/snapshot.ts';
import { linkNamed } from '../world.ts';
import { readArguments } from './arguments.ts';
import { fail, type Tool } from './change.ts';
import { withLink } from './ip-address.ts';

type Change = (netns: Netns, verb: string, words: readonly string[]) => Netns;

const sameEntry = (one: FdbEntry, other: FdbEntry): boolean =>
  one.mac === other.mac && one.device === other.device && (other.vlan === undefined || one.vlan === other.vlan);

/** `bridge fdb add|append|replace|del MAC dev NAME [dst ADDRESS] [vni N] [vlan N] [self|master] [permanent|static|dynamic]` */
const fdb: Change = (netns, verb, words) => {
  const [parsed] = parseFdb(words.join(' ').toLowerCase()).value;
  const entry = parsed ?? fail(`bridge fdb: "${words.join(' ')}" is no entry`);
  const link = linkNamed(netns, entry.device) ?? fail(`bridge fdb: there is no interface ${entry.device}`);
  const own = link.kind === 'vxlan' && !words.includes('master');
  const made: FdbEntry = {
    ...entry,
    ...(own || link.master === undefined ? {} : { master: link.master.name }),
    flags: own && !entry.flags.includes('self') ? [...entry.flags, 'self'] : entry.flags,
    state: entry.state === '' && !words.includes('dynamic') ? 'permanent' : entry.state,
  };
  const known = netns.fdb.filter(
    (one) => sameEntry(one, made) && (verb !== 'del' || made.destination === undefined || one.destination === made.destination),
  );
  const others = netns.fdb.filter((one) => !known.includes(one));
  if (verb === 'append') return { ...netns, fdb: [...netns.fdb, made] };
  if (verb === 'replace') return { ...netns, fdb: [...others, made] };
  if (verb === 'add')
    return known.length === 0
      ? { ...netns, fdb: [...netns.fdb, made] }
      : fail(`bridge fdb: there is an entry for ${made.mac} on ${made.device} already`);
  if (verb !== 'del' && verb !== 'delete') return fail('bridge fdb: add, append, replace and del can be tried');
  return known.length > 0 ? { ...netns, fdb: others } : fail(`bridge fdb: there is no entry for ${made.mac} on ${made.device}`);
};

const STATES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];

const isOn = (word: string): boolean => (word === 'on' || word === 'off' ? word === 'on' : fail(`bridge link: on or off, not ${word}`));

const portSettings: Record<string, (port: BridgePort, value: string) => BridgePort> = {
  hairpin: (port, value) => ({ ...port, hairpin: isOn(value) }),
  learning: (port, value) => ({ ...port, learning: isOn(value) }),
  flood: (port, value) => ({ ...port, flood: isOn(value) }),
  mcast_flood: (port, value) => ({ ...port, multicastFlood: isOn(value) }),
  bcast_flood: (port, value) => ({ ...port, broadcastFlood: isOn(value) }),
  isolated: (port, value) => ({ ...port, isolated: isOn(value) }),
  guard: (port, value) => ({ ...port, guard: isOn(value) }),
  state: (port, value) => ({
    ...port,
    state: STATES[Number(value)] ?? (STATES.includes(value) ? value : fail(`bridge link: no state is called ${value}`)),
  }),
};

/** `bridge link set dev NAME hairpin on|off …` */
const link: Change = (netns, verb, words) => {
  if (verb !== 'set') return fail('bridge link: set can be tried');
  const { value } = readArguments(words, new Set(['dev', ...Object.keys(portSettings)]));
  const found = linkNamed(netns, value('dev')) ?? fail(`bridge link: there is no interface ${value('dev') ?? '(dev NAME is missing)'}`);
  if (!found.bridgePort) return fail(`bridge link: ${found.name} is no port of a bridge`);
  let port = found.bridgePort;
  for (const [name, set] of Object.entries(portSettings)) {
    const asked = value(name);
    if (asked !== undefined) port = set(port, asked);
  }
  return withLink(netns, { ...found, bridgePort: port });
};

/** `bridge vlan add|del dev NAME vid N[-M] [pvid] [untagged]` */
const vlan: Change = (netns, verb, words) => {
  const { value, has } = readArguments(words, new Set(['dev', 'vid']));
  const device = value('dev') ?? fail('bridge vlan: dev NAME is missing');
  if (!linkNamed(netns, device)) fail(`bridge vlan: there is no interface ${device}`);
  const [first = Number.NaN, last = first] = (value('vid') ?? '').split('-').map(Number);
  if (!(first >= 1 && last <= 4094)) fail('bridge vlan: vid is a number from 1 to 4094');
  const isMeant = (one: BridgeVlan): boolean => one.device === device && one.vlan >= first && one.vlan <= last;
  const others = netns.vlans.filter((one) => !isMeant(one));
  if (verb === 'del' || verb === 'delete') return { ...netns, vlans: others };
  if (verb !== 'add') return fail('bridge vlan: add and del can be tried');
  const made = Array.from({ length: last - first + 1 }, (_, at) => ({ device, vlan: first + at, pvid: has('pvid'), untagged: has('untagged') }));
  const demoted = has('pvid') ? others.map((one) => (one.device === device ? { ...one, pvid: false } : one)) : others;
  return { ...netns, vlans: [...demoted, ...made] };
};

const objects: Record<string, Change> = { fdb, link, vlan };

export const bridge: Tool = (words, { netns }) => {
  const [object = '', verb = '', ...rest] = words.filter((word) => !/^-[a-z]$/.test(word));
  return [(objects[object] ?? fail(`bridge: ${object} cannot be tried; ${Object.keys(objects).join(', ')} can`))(netns, verb, rest)];
};
