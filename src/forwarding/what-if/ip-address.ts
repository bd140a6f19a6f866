import type { Address, Family, Link, Netns, Route } from '../../node/snapshot.ts';
import { familyOf, parsePrefix, sameAddress, textOf } from '../address.ts';
import { linkNamed } from '../world.ts';
import { readArguments } from './arguments.ts';
import { fail } from './change.ts';

const KEYS: ReadonlySet<string> = new Set(['dev', 'scope', 'label', 'broadcast', 'brd', 'peer', 'metric']);

const networkOf = ({ address, prefix, family }: Address): string => {
  const parsed = parsePrefix(`${address}/${prefix}`);
  return parsed ? `${textOf(family, parsed.network)}/${prefix}` : `${address}/${prefix}`;
};

const route = (family: Family, more: Partial<Route> & Pick<Route, 'destination' | 'table' | 'type' | 'scope'>): Route => ({
  family,
  metric: family === 6 ? 256 : 0,
  protocol: 'kernel',
  flags: [],
  nexthops: [],
  ...more,
});

/** Routes that the kernel makes for an address of an interface that is up (net/ipv4/fib_frontend.c fib_add_ifaddr, addrconf.c addrconf_prefix_route). */
export const routesOf = (address: Address, device: string): Route[] => {
  const { family, prefix } = address;
  const full = family === 4 ? 32 : 128;
  const local = route(family, {
    destination: `${address.address}/${full}`,
    table: 'local',
    type: 'local',
    device,
    scope: family === 4 ? 'host' : 'global',
    metric: 0,
    ...(family === 4 ? { source: address.address } : {}),
  });
  const own = { table: 'main', type: 'unicast', device, scope: family === 4 ? 'link' : 'global' };
  const connected = route(family, { destination: networkOf(address), ...own, ...(family === 4 ? { source: address.address } : {}) });
  return prefix === full ? [local] : [local, connected];
};

export const withLink = (netns: Netns, changed: Link): Netns => ({
  ...netns,
  links: netns.links.map((link) => (link.ifindex === changed.ifindex ? changed : link)),
});

/** Local routes are written only where the local table was read; elsewhere they follow from the addresses. */
const withRoutes = (netns: Netns, made: Route[]): Route[] => {
  const hasLocal = netns.routes.some(({ table }) => table === 'local');
  return [...netns.routes, ...made.filter(({ table }) => hasLocal || table !== 'local')];
};

/** `ip addr add|del ADDRESS/PREFIX dev NAME` */
export const changeAddresses = (netns: Netns, words: readonly string[]): Netns => {
  const [verb = '', ...rest] = words;
  const { first, value } = readArguments(rest, KEYS);
  const [text = fail('ip addr: which address?')] = first;
  const [address = '', length] = text.split('/');
  const family = familyOf(address);
  if (!parsePrefix(text)) fail(`ip addr: ${text} is no address`);
  const link = linkNamed(netns, value('dev')) ?? fail(`ip addr: there is no interface ${value('dev') ?? '(dev NAME is missing)'}`);
  const own = link.addresses.find((one) => sameAddress(one.address, address) && (length === undefined || one.prefix === Number(length)));
  if (verb === 'add') {
    if (own) fail(`ip addr: ${link.name} has ${address} already (File exists)`);
    const made: Address = { family, address, prefix: Number(length ?? (family === 4 ? 32 : 128)), scope: value('scope') ?? 'global', flags: [] };
    const changed = withLink(netns, { ...link, addresses: [...link.addresses, made] });
    return { ...changed, routes: withRoutes(netns, link.up ? routesOf(made, link.name) : routesOf(made, link.name).slice(0, 1)) };
  }
  if (verb !== 'del' && verb !== 'delete') return fail('ip addr: add and del can be tried');
  if (!own) return fail(`ip addr: ${link.name} has no ${text} (Cannot assign requested address)`);
  const gone = routesOf(own, link.name);
  const isLast = family === 4 && link.addresses.filter((one) => one.family === 4).length === 1;
  // with the last address all routes over it go (fib_inetaddr_event, fib_disable_ip)
  const isGone = (one: Route): boolean =>
    one.device === link.name &&
    ((isLast && one.family === 4) ||
      gone.some(({ destination, table, source }) => one.destination === destination && one.table === table && one.source === source) ||
      (one.source !== undefined && sameAddress(one.source, own.address)));
  return {
    ...withLink(netns, { ...link, addresses: link.addresses.filter((one) => one !== own) }),
    routes: netns.routes.filter((one) => !isGone(one)),
  };
};
