import type { Family, Link, Netns, NodeSnapshot, Route } from '../node/snapshot.ts';
import { type Carriers, EVERY_CARRIER } from '../probe/drops/lengths.ts';

/** Every device that speaks IPv6 has these. */
const OF_EVERY_DEVICE = /^(fe80:|ff00:)/;

const leadsTo = ({ device, nexthops }: Route, name: string): boolean => device === name || nexthops.some((hop) => hop.device === name);

/** Routes say which family goes into a tunnel; a bridge or a program may put anything into one that has none. */
const mayCarry = ({ routes }: Netns, { name, master }: Link, family: Family): boolean => {
  const into = master === undefined ? routes.filter((route) => leadsTo(route, name) && !OF_EVERY_DEVICE.test(route.destination)) : [];
  return into.length === 0 || into.some((route) => route.family === family);
};

/** Tunnels of these nodes that packets of one family may go through; a node that was not read, or one with a switch of its own, may have any. */
export const carriersOf = (snapshots: NodeSnapshot[], family: Family): Carriers => {
  const namespaces = snapshots.flatMap((snapshot) => snapshot.namespaces);
  if (namespaces.every(({ links }) => links.length === 0) || snapshots.some(({ ovs }) => ovs !== undefined)) return EVERY_CARRIER;
  const links = namespaces.flatMap((netns) => netns.links.filter((link) => mayCarry(netns, link, family)));
  const has = (...kinds: string[]): boolean => links.some(({ kind }) => kinds.includes(kind));
  const tunnels = links.flatMap(({ vxlan }) => vxlan ?? []);
  return {
    ipip: has('ipip', 'sit', 'ip6tnl', 'gre', 'ip6gre'),
    vxlan: has('vxlan'),
    geneve: has('geneve'),
    over6: has('geneve') || tunnels.some(({ local, external }) => external || local === undefined || local.includes(':')),
  };
};
