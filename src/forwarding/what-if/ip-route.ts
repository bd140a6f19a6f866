import { parseRoutes } from '../../node/parse/routes.ts';
import type { Family, Netns, Route } from '../../node/snapshot.ts';
import { inPrefix, parsePrefix, sameAddress } from '../address.ts';
import { lookupRoute } from '../route/lookup.ts';
import { linkNamed } from '../world.ts';
import { fail } from './change.ts';

/** IPv6 routes without a metric have this one (IP6_RT_PRIO_USER). */
const METRIC_6 = 1024;

const textOf = ({ destination, table, metric }: Route): string => `${destination} table ${table}${metric > 0 ? ` metric ${metric}` : ''}`;

/** The words of `ip route`, as `ip route show` would print the route. */
const readRoute = (words: readonly string[], family: Family): Route => {
  const lines = words.join(' ').replace(/ ?(nexthop )/g, '\n$1');
  const { value, unparsed } = parseRoutes(lines, family);
  const [route] = value;
  if (!route || unparsed.length > 0) return fail(`ip route: "${unparsed[0] ?? words.join(' ')}" is no route`);
  return family === 6 && !words.includes('metric') ? { ...route, metric: METRIC_6 } : route;
};

/** A gateway without a device is looked for on the links there are (fib_check_nh). */
const deviceFor = (netns: Netns, family: Family, gateway: string): string => {
  const decision = lookupRoute(netns, { family, destination: gateway, source: '', mark: 0, iif: 'lo' });
  const path = decision.kind === 'unicast' ? decision.paths[0] : undefined;
  if (path?.device !== undefined && path.gateway === undefined) return path.device;
  return fail(`ip route: no interface is on one link with ${gateway} (Nexthop has invalid gateway)`);
};

const complete = (netns: Netns, route: Route): Route => {
  const known = (device: string | undefined): void => {
    if (device !== undefined && !linkNamed(netns, device)) fail(`ip route: there is no interface ${device} (Cannot find device)`);
  };
  known(route.device);
  for (const { device } of route.nexthops) known(device);
  const down = route.device !== undefined && linkNamed(netns, route.device)?.up === false;
  if (down) fail(`ip route: ${route.device} is down (Network is down)`);
  if (route.type !== 'unicast' || route.nexthops.length > 0 || route.gateway === undefined || route.device !== undefined) return route;
  return { ...route, device: deviceFor(netns, route.family, route.gateway) };
};

const sameKey = (one: Route, other: Route): boolean => {
  const [a, b] = [parsePrefix(one.destination), parsePrefix(other.destination)];
  return (
    one.family === other.family &&
    one.table === other.table &&
    one.metric === other.metric &&
    (one.tos ?? 0) === (other.tos ?? 0) &&
    a?.network === b?.network &&
    a?.length === b?.length
  );
};

/** Whether `ip route del WORDS` means this one: what is not said may be anything. */
const isMeant = (route: Route, asked: Route, words: readonly string[]): boolean =>
  sameKey({ ...route, metric: 0, tos: 0 }, { ...asked, metric: 0, tos: 0 }) &&
  (!words.includes('metric') || route.metric === asked.metric) &&
  (asked.gateway === undefined || (route.gateway !== undefined && sameAddress(route.gateway, asked.gateway))) &&
  (asked.device === undefined || route.device === asked.device) &&
  (asked.type === 'unicast' || asked.type === route.type);

const nearest = (routes: Route[], { destination }: Route): string => {
  const [address = ''] = destination.split('/');
  const near = routes.filter((route) => inPrefix(route.destination, address) || inPrefix(destination, route.destination.split('/')[0] ?? ''));
  return near.slice(0, 4).map(textOf).join('; ') || 'none that is like it';
};

const remove = (netns: Netns, asked: Route, words: readonly string[]): Route[] => {
  const found = netns.routes.findIndex((route) => isMeant(route, asked, words));
  if (found < 0) fail(`ip route: there is no route ${textOf(asked)} (No such process); there is: ${nearest(netns.routes, asked)}`);
  return netns.routes.toSpliced(found, 1);
};

const verbs: Record<string, (netns: Netns, words: readonly string[], family: Family) => Route[]> = {
  add: (netns, words, family) => {
    const made = complete(netns, readRoute(words, family));
    if (netns.routes.some((route) => sameKey(route, made))) fail(`ip route: there is a route ${textOf(made)} already (File exists): replace it`);
    return [...netns.routes, made];
  },
  append: (netns, words, family) => [...netns.routes, complete(netns, readRoute(words, family))],
  prepend: (netns, words, family) => [complete(netns, readRoute(words, family)), ...netns.routes],
  replace: (netns, words, family) => {
    const made = complete(netns, readRoute(words, family));
    return [...netns.routes.filter((route) => !sameKey(route, made)), made];
  },
  change: (netns, words, family) => {
    const made = complete(netns, readRoute(words, family));
    if (!netns.routes.some((route) => sameKey(route, made))) fail(`ip route: there is no route ${textOf(made)} to change`);
    return netns.routes.map((route) => (sameKey(route, made) ? made : route));
  },
  del: (netns, words, family) => remove(netns, readRoute(words, family), words),
  flush: (netns, words, family) => {
    const table = words[0] === 'table' ? words[1] : undefined;
    const device = words[0] === 'dev' ? words[1] : undefined;
    if (table === undefined && device === undefined) fail('ip route flush: say which, by "table NAME" or "dev NAME"');
    return netns.routes.filter((route) => route.family !== family || (table === undefined ? route.device !== device : route.table !== table));
  },
};

const aliases: Record<string, string> = { delete: 'del', a: 'add', d: 'del', r: 'replace' };

/** `ip route add|append|prepend|replace|change|del|flush …` */
export const changeRoutes = (netns: Netns, words: readonly string[], family: Family): Netns => {
  const [verb = '', ...rest] = words;
  const change = verbs[aliases[verb] ?? verb] ?? fail(`ip route: ${Object.keys(verbs).join(', ')} can be tried`);
  return { ...netns, routes: change(netns, rest, family) };
};
