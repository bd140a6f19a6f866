import type { World } from '../../../src/forwarding/world.ts';
import type { IptablesTable } from '../../../src/node/netfilter-state.ts';
import { ruleFrom } from '../../../src/node/parse/iptables.ts';
import type { Link, Netns } from '../../../src/node/snapshot.ts';

type Rename = (name: string) => string;

const linkWith = (link: Link, to: Rename): Link => ({
  ...link,
  name: to(link.name),
  ...(link.master ? { master: { ...link.master, name: to(link.master.name) } } : {}),
  ...(link.vxlan ? { vxlan: { ...link.vxlan, ...(link.vxlan.underlay === undefined ? {} : { underlay: to(link.vxlan.underlay) }) } } : {}),
});

const tableWith = (table: IptablesTable, to: Rename): IptablesTable => ({
  ...table,
  chains: table.chains.map((chain) => ({
    ...chain,
    rules: chain.rules.map((rule) =>
      ruleFrom(
        rule.text.replace(
          /(^| )(-[io]|--physdev-(?:in|out)) (\S+)/g,
          (_, before: string, option: string, name: string) => `${before}${option} ${to(name)}`,
        ),
        rule.number,
      ),
    ),
  })),
});

/** An interface keeps its own dots in the name of a setting. */
const sysctlsWith = (sysctls: Record<string, string>, to: Rename): Record<string, string> =>
  Object.fromEntries(
    Object.entries(sysctls).map(([name, value]) => {
      const [, before, device = '', key] = /^(net\.ipv[46]\.(?:conf|neigh)\.)(.+)\.([a-z0-9_]+)$/.exec(name) ?? [];
      return [before === undefined ? name : `${before}${to(device)}.${key}`, value];
    }),
  );

const withDevice = <Item extends { device?: string }>(items: Item[], to: Rename): Item[] =>
  items.map((item) => (item.device === undefined ? item : { ...item, device: to(item.device) }));

const netnsWith = (netns: Netns, to: Rename): Netns => ({
  ...netns,
  links: netns.links.map((link) => linkWith(link, to)),
  routes: withDevice(netns.routes, to).map((route) => ({ ...route, nexthops: withDevice(route.nexthops, to) })),
  rules: netns.rules.map((rule) => ({
    ...rule,
    ...(rule.iif === undefined ? {} : { iif: to(rule.iif) }),
    ...(rule.oif === undefined ? {} : { oif: to(rule.oif) }),
  })),
  neighbours: withDevice(netns.neighbours, to),
  fdb: withDevice(netns.fdb, to).map((entry) => ({ ...entry, ...(entry.master === undefined ? {} : { master: to(entry.master) }) })),
  netfilter: { ...netns.netfilter, iptables: netns.netfilter.iptables.map((table) => tableWith(table, to)) },
  sysctls: sysctlsWith(netns.sysctls, to),
});

/** The same world with other names of interfaces; `lo`, `all` and `default` keep theirs. */
export const rename = <Any extends World>(world: Any, name: Rename, { roles }: { roles?: Netns['role'][] } = {}): Any => {
  const to: Rename = (old) => (['lo', 'all', 'default'].includes(old) ? old : name(old));
  return {
    ...world,
    snapshots: world.snapshots.map((snapshot) => ({
      ...snapshot,
      namespaces: snapshot.namespaces.map((netns) => (roles === undefined || roles.includes(netns.role) ? netnsWith(netns, to) : netns)),
    })),
  };
};
