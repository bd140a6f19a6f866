import { existsSync } from 'node:fs';

export const backends = ['vxlan', 'vxlan-directrouting', 'host-gw', 'bridge', 'felix', 'cilium'] as const;
export const proxyModes = ['iptables', 'nftables'] as const;
export const ipFamilies = ['4', '6', 'dual'] as const;
export const subnetPlans = ['one', 'routed'] as const;

export type Backend = (typeof backends)[number];

/** Plugins that enforce policies, each with pods on links of their own instead of a bridge. */
export const enforcers = ['felix', 'cilium'] as const;

export type Enforcing = (typeof enforcers)[number];

export const enforcing = (backend: Backend): Enforcing | undefined => enforcers.find((one) => one === backend);

/** What one lab is to be; together with its slot it decides every name and address. */
export interface LabOptions {
  readonly name: string;
  readonly nodes: number;
  readonly backend: Backend;
  readonly proxy: (typeof proxyModes)[number];
  readonly ip: (typeof ipFamilies)[number];
  readonly subnets: (typeof subnetPlans)[number];
}

export const defaultOptions: LabOptions = { name: 'dev', nodes: 2, backend: 'vxlan', proxy: 'iptables', ip: '4', subnets: 'one' };

export type Family = 4 | 6;

export const families = (ip: LabOptions['ip']): readonly Family[] => (({ '4': [4], '6': [6], dual: [4, 6] }) as const)[ip];

const oneOf = <T extends string>(flag: string, value: string, allowed: readonly T[]): T => {
  const found = allowed.find((candidate) => candidate === value);
  if (!found) throw new Error(`--${flag} ${value}: expected one of ${allowed.join(', ')}`);
  return found;
};

/** Names become part of interface names (15 bytes) and cgroup paths, hence the short alphabet. */
export const checkName = (name: string): string => {
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(name)) throw new Error(`--name ${name}: expected 1 to 20 of a-z, 0-9 and -`);
  return name;
};

export const completeOptions = (given: Readonly<Record<string, string | undefined>>): LabOptions => {
  const nodes = Number(given.nodes ?? defaultOptions.nodes);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 8) throw new Error(`--nodes ${given.nodes}: expected 1 to 8`);
  const options: LabOptions = {
    name: checkName(given.name ?? defaultOptions.name),
    nodes,
    backend: oneOf('backend', given.backend ?? defaultOptions.backend, backends),
    proxy: oneOf('proxy', given.proxy ?? defaultOptions.proxy, proxyModes),
    ip: oneOf('ip', given.ip ?? defaultOptions.ip, ipFamilies),
    subnets: oneOf('subnets', given.subnets ?? defaultOptions.subnets, subnetPlans),
  };
  if (options.subnets === 'routed' && (options.backend === 'host-gw' || options.backend === 'bridge'))
    throw new Error(`--backend ${options.backend} needs its nodes in one subnet`);
  if (options.ip !== '4' && options.backend === 'cilium')
    throw new Error(`--backend ${options.backend} is IPv4 only: --ip ${options.ip} does not go with it`);
  return options;
};

/** The interface name of a slot is the machine-wide claim on it. */
export const slotInterface = (slot: number): string => `ndlab${slot}`;

export const slotInUse = (slot: number): boolean => existsSync(`/sys/class/net/${slotInterface(slot)}`);
