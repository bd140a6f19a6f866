import { type Family, families, type LabOptions, slotInterface } from './options.ts';

/** An address with its prefix length on one of the underlay's links, per family. */
export type Addresses = Readonly<Partial<Record<Family, string>>>;

export interface NodePlan {
  readonly name: string;
  readonly address: Addresses;
  readonly prefix: Readonly<Record<Family, number>>;
  readonly gateway: Addresses;
  readonly podCidr: Addresses;
}

/** Every name and address of one lab: pure arithmetic on its slot, so that several labs never meet. */
export interface LabPlan {
  readonly options: LabOptions;
  readonly slot: number;
  readonly families: readonly Family[];
  /** The end in the root network namespace of the only link that a lab has there. */
  readonly accessInterface: string;
  readonly access: Readonly<Record<Family, { readonly address: string; readonly gateway: string; readonly lab: string }>>;
  readonly api: Addresses;
  readonly apiUrl: string;
  readonly nodes: readonly NodePlan[];
  readonly external: {
    readonly name: string;
    readonly address: Addresses;
    readonly prefix: Readonly<Record<Family, number>>;
    readonly gateway: Addresses;
  };
  readonly clusterCidr: Addresses;
  readonly serviceCidr: Addresses;
  readonly clusterDns: Addresses;
  readonly kubernetesService: Addresses;
}

const only = (wanted: readonly Family[], both: Readonly<Record<Family, string>>): Addresses =>
  Object.fromEntries(wanted.map((family) => [family, both[family]]));

/** In `routed` every node has a /28 and a router of its own, as in a cloud with a subnet per zone. */
const planNode = (options: LabOptions, wanted: readonly Family[], slot: number, index: number): NodePlan => {
  const routed = options.subnets === 'routed';
  return {
    name: `node${index}`,
    address: only(wanted, {
      4: routed ? `10.33.${slot}.${index * 16 + 2}` : `10.33.${slot}.${10 + index}`,
      6: routed ? `fd00:33:${slot}:${index}::2` : `fd00:33:${slot}::${10 + index}`,
    }),
    prefix: { 4: routed ? 28 : 24, 6: 64 },
    gateway: only(wanted, {
      4: routed ? `10.33.${slot}.${index * 16 + 1}` : `10.33.${slot}.1`,
      6: routed ? `fd00:33:${slot}:${index}::1` : `fd00:33:${slot}::1`,
    }),
    podCidr: only(wanted, { 4: `10.244.${index}.0/24`, 6: `fd00:10:244:${index}::/64` }),
  };
};

export const planLab = (options: LabOptions, slot: number): LabPlan => {
  const wanted = families(options.ip);
  const api = only(wanted, { 4: `10.33.${slot}.1`, 6: `fd00:33:${slot}::1` });
  return {
    options,
    slot,
    families: wanted,
    accessInterface: slotInterface(slot),
    access: {
      4: { address: `10.32.${slot}.2/30`, gateway: `10.32.${slot}.1/30`, lab: `10.33.${slot}.0/24` },
      6: { address: `fd00:32:${slot}::2/64`, gateway: `fd00:32:${slot}::1/64`, lab: `fd00:33:${slot}::/48` },
    },
    api,
    apiUrl: `https://${api[4] ?? `[${api[6]}]`}:6443`,
    nodes: Array.from({ length: options.nodes }, (_, index) => planNode(options, wanted, slot, index + 1)),
    external: {
      name: 'ext1',
      address: only(wanted, { 4: `10.34.${slot}.7`, 6: `fd00:34:${slot}::7` }),
      prefix: { 4: 24, 6: 64 },
      gateway: only(wanted, { 4: `10.34.${slot}.1`, 6: `fd00:34:${slot}::1` }),
    },
    clusterCidr: only(wanted, { 4: '10.244.0.0/16', 6: 'fd00:10:244::/56' }),
    serviceCidr: only(wanted, { 4: '10.96.0.0/16', 6: 'fd00:10:96::/112' }),
    clusterDns: only(wanted, { 4: '10.96.0.10', 6: 'fd00:10:96::a' }),
    kubernetesService: only(wanted, { 4: '10.96.0.1', 6: 'fd00:10:96::1' }),
  };
};

/** The values of a dual-stack setting in Kubernetes' own order and spelling. */
export const joined = (addresses: Addresses): string => [addresses[4], addresses[6]].filter((value) => value !== undefined).join(',');

export const primary = (addresses: Addresses): string => {
  const address = addresses[4] ?? addresses[6];
  if (!address) throw new Error('a lab has at least one address family');
  return address;
};
