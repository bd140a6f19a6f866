import type { Link, Netns, NodeSnapshot } from '../../node/snapshot.ts';
import { linkNamed, type Place, peerOf } from '../world.ts';
import { fail } from './change.ts';
import { routesOf, withLink } from './ip-address.ts';

interface Edit {
  place: Place;
  link: Link;
}

/** What follows a word of `ip link set`, if anything does. */
type Setting = (edit: Edit, value: string) => Netns[];

/**
 * Routes over an interface that goes down are gone; of IPv4 the local ones stay with their addresses (net/ipv4/fib_semantics.c
 * fib_sync_down_dev), of IPv6 the addresses go as well (net/ipv6/addrconf.c addrconf_ifdown).
 */
const down = ({ place, link }: Edit): Netns[] => {
  const { netns } = place;
  const addresses = link.addresses.filter(({ family }) => family === 4);
  const after = withLink(netns, { ...link, up: false, carrier: false, operstate: 'DOWN', addresses });
  const routes = netns.routes.filter((route) => route.device !== link.name || (route.table === 'local' && route.family === 4));
  return [{ ...after, routes: routes.map((route) => withoutHop(route, link.name)) }, ...peerCarrier(place, link, false)];
};

const withoutHop = (route: Netns['routes'][number], device: string): Netns['routes'][number] =>
  route.nexthops.some((hop) => hop.device === device)
    ? { ...route, nexthops: route.nexthops.map((hop) => (hop.device === device ? { ...hop, flags: [...hop.flags, 'dead'] } : hop)) }
    : route;

/** The prefixes of its addresses come back with it; routes that somebody else wrote do not. */
const up = ({ place, link }: Edit): Netns[] => {
  const { netns } = place;
  if (link.up) return [];
  const peer = peerOf(place, link);
  const carrier = link.kind !== 'veth' || peer?.link.up !== false;
  const after = withLink(netns, { ...link, up: true, carrier, operstate: carrier ? 'UP' : 'LOWERLAYERDOWN' });
  const known = new Set(netns.routes.map(({ table, destination, device }) => `${table} ${destination} ${device}`));
  const hasLocal = netns.routes.some(({ table }) => table === 'local');
  const own = link.addresses.flatMap((address) => routesOf(address, link.name)).filter(({ table }) => hasLocal || table !== 'local');
  const made = own.filter(({ table, destination, device }) => !known.has(`${table} ${destination} ${device}`));
  return [{ ...after, routes: [...netns.routes, ...made] }, ...peerCarrier(place, link, true)];
};

const peerCarrier = (place: Place, link: Link, isUp: boolean): Netns[] => {
  const peer = peerOf(place, link);
  if (!peer || peer.place.netns === place.netns) return [];
  const carrier = isUp && peer.link.up;
  return [withLink(peer.place.netns, { ...peer.link, carrier, operstate: carrier ? 'UP' : peer.link.up ? 'LOWERLAYERDOWN' : 'DOWN' })];
};

const only = ({ place: { netns } }: Edit, changed: Link): Netns[] => [withLink(netns, changed)];

const PORT = { state: 'forwarding', hairpin: false, learning: true, flood: true, isolated: false, guard: false };

const settings: Record<string, { takes: boolean; apply: Setting }> = {
  up: { takes: false, apply: up },
  down: { takes: false, apply: down },
  mtu: {
    takes: true,
    apply: (edit, value) => (Number(value) >= 68 ? only(edit, { ...edit.link, mtu: Number(value) }) : fail(`ip link: ${value} is no MTU`)),
  },
  address: { takes: true, apply: (edit, value) => only(edit, { ...edit.link, mac: value.toLowerCase() }) },
  promisc: { takes: true, apply: (edit, value) => only(edit, { ...edit.link, promiscuous: value === 'on' }) },
  arp: { takes: true, apply: (edit, value) => only(edit, { ...edit.link, noArp: value === 'off' }) },
  group: { takes: true, apply: (edit, value) => only(edit, { ...edit.link, group: value }) },
  master: {
    takes: true,
    apply: (edit, value) => {
      const master = linkNamed(edit.place.netns, value) ?? fail(`ip link: there is no interface ${value}`);
      const port = master.kind === 'bridge' ? { bridgePort: edit.link.bridgePort ?? PORT } : {};
      return only(edit, { ...edit.link, master: { ifindex: master.ifindex, name: master.name }, ...port });
    },
  },
  nomaster: {
    takes: false,
    apply: (edit) => {
      const { master: _, bridgePort: __, ...link } = edit.link;
      return only(edit, link);
    },
  },
};

/** Each setting sees what those before it made. */
const apply = (snapshot: NodeSnapshot, inode: string, name: string, words: readonly string[]): Netns[] => {
  const changed = new Map<string, Netns>();
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const setting = settings[word] ?? fail(`ip link set: ${word} cannot be tried; ${Object.keys(settings).join(', ')} can`);
    const after = { ...snapshot, namespaces: snapshot.namespaces.map((netns) => changed.get(netns.inode) ?? netns) };
    const netns = after.namespaces.find((one) => one.inode === inode);
    const link = linkNamed(netns, name);
    if (!netns || !link) return fail(`ip link: there is no interface ${name}`);
    if (setting.takes) at += 1;
    const value = setting.takes ? (words[at] ?? fail(`ip link set: ${word} without a value`)) : '';
    for (const one of setting.apply({ place: { snapshot: after, netns }, link }, value)) changed.set(one.inode, one);
  }
  return [...changed.values()];
};

const remove = ({ snapshot, netns }: Place, name: string): Netns[] => {
  const link = linkNamed(netns, name) ?? fail(`ip link: there is no interface ${name}`);
  const peer = peerOf({ snapshot, netns }, link);
  const without = (one: Netns, gone: Link): Netns => ({
    ...one,
    links: one.links.filter(({ ifindex }) => ifindex !== gone.ifindex).map((kept) => (kept.master?.ifindex === gone.ifindex ? freed(kept) : kept)),
    routes: one.routes.filter(({ device }) => device !== gone.name),
    neighbours: one.neighbours.filter(({ device }) => device !== gone.name),
    fdb: one.fdb.filter(({ device }) => device !== gone.name),
  });
  if (!peer) return [without(netns, link)];
  return peer.place.netns === netns ? [without(without(netns, link), peer.link)] : [without(netns, link), without(peer.place.netns, peer.link)];
};

const freed = ({ master: _, bridgePort: __, ...link }: Link): Link => link;

/** `ip link set [dev] NAME up|down|mtu N|master BRIDGE|…`, `ip link del NAME` */
export const changeLinks = (place: Place, words: readonly string[]): Netns[] => {
  const [verb = '', ...rest] = words.filter((word) => word !== 'dev');
  const [name = fail('ip link: which interface?'), ...what] = rest;
  if (verb === 'set') return apply(place.snapshot, place.netns.inode, name, what);
  if (verb === 'del' || verb === 'delete') return remove(place, name);
  return fail('ip link: set and del can be tried');
};
