import type { Link } from '../snapshot.ts';
import { type Json, numberAt, optional, stringAt } from './json.ts';

/** What a kind of device has that no other has, from `linkinfo` of `ip -d -j link`. */
export const linkDetails = (kind: string, data: Json): Partial<Link> => details[kind]?.(data) ?? {};

const ends = (data: Json): Pick<NonNullable<Link['ipTunnel']>, 'local' | 'remote'> => ({
  ...optional('local', isAny(stringAt(data, 'local')) ? undefined : stringAt(data, 'local')),
  ...optional('remote', isAny(stringAt(data, 'remote')) ? undefined : stringAt(data, 'remote')),
});

const isAny = (address: string | undefined): boolean => address === 'any' || address === '0.0.0.0' || address === '::';

const ipTunnel = (data: Json): Partial<Link> => ({
  ipTunnel: {
    ...ends(data),
    ...optional('key', stringAt(data, 'key') ?? stringAt(data, 'ikey')),
    external: data.external === true,
    pmtuDiscovery: data.pmtudisc !== false,
  },
});

const details: Record<string, (data: Json) => Partial<Link>> = {
  vxlan: (data) => ({
    vxlan: {
      vni: numberAt(data, 'id') ?? 0,
      port: numberAt(data, 'port') ?? 0,
      ...optional('local', stringAt(data, 'local') ?? stringAt(data, 'local6')),
      ...optional('remote', stringAt(data, 'remote') ?? stringAt(data, 'remote6')),
      ...optional('group', stringAt(data, 'group') ?? stringAt(data, 'group6')),
      ...optional('underlay', stringAt(data, 'link')),
      learning: data.learning !== false,
      external: data.external === true,
    },
  }),
  geneve: (data) => ({
    geneve: {
      vni: numberAt(data, 'id') ?? 0,
      port: numberAt(data, 'port') ?? 6081,
      ...optional('remote', stringAt(data, 'remote') ?? stringAt(data, 'remote6')),
      external: data.external === true,
    },
  }),
  bridge: (data) => ({
    bridge: {
      stp: numberAt(data, 'stp_state') === 1,
      vlanFiltering: numberAt(data, 'vlan_filtering') === 1,
      groupForwardMask: stringAt(data, 'group_fwd_mask') ?? '0',
      ...(numberAt(data, 'nf_call_iptables') === 1 ? { callIptables: true } : {}),
      ...(numberAt(data, 'nf_call_ip6tables') === 1 ? { callIp6tables: true } : {}),
    },
  }),
  ipip: ipTunnel,
  sit: ipTunnel,
  gre: ipTunnel,
  gretap: ipTunnel,
  ip6tnl: ipTunnel,
  ip6gre: ipTunnel,
  macvlan: (data) => optional('macvlanMode', stringAt(data, 'mode')),
  macvtap: (data) => optional('macvlanMode', stringAt(data, 'mode')),
  ipvlan: (data) => optional('macvlanMode', stringAt(data, 'mode')),
  vlan: (data) => ({ vlan: { id: numberAt(data, 'id') ?? 0, protocol: stringAt(data, 'protocol') ?? '802.1Q' } }),
  vrf: (data) => optional('vrfTable', stringAt(data, 'table')),
  bond: (data) => ({ bond: { mode: stringAt(data, 'mode') ?? '', ...optional('active', stringAt(data, 'active_slave')) } }),
  tun: (data) => optional('tunType', stringAt(data, 'type')),
};
