import type { Family } from '../../../src/node/snapshot.ts';
import type { Draft, PodDraft } from './draft.ts';
import { anywhere, single } from './draft.ts';
import { closedPort, openPorts } from './services.ts';
import { farHost, gatewayOf } from './topology.ts';

/** Addresses that packets of this case have: what rules had better speak of. */
export const addressesOf = ({ pods, nodes, services }: Draft, family: Family): string[] => [
  ...pods.flatMap(({ address }) => [address[family], address[family]]),
  ...nodes.map(({ address }) => address[family]),
  ...nodes.map((node) => gatewayOf(node)[family]),
  ...services.map(({ address }) => address[family]),
  farHost[family],
];

export const podPrefix = { 4: '10.244.0.0/16', 6: 'fd44::/16' };
export const servicePrefix = { 4: '10.96.0.0/16', 6: 'fd96::/16' };

export const prefixOf = (draft: Draft, family: Family): string => {
  const { random, nodes } = draft;
  return random.weighted([
    [5, single(random.pick(addressesOf(draft, family)), family)],
    [3, random.pick(nodes).podCidr[family]],
    [2, podPrefix[family]],
    [1, servicePrefix[family]],
    [1, family === 4 ? '10.33.0.0/16' : 'fd33::/16'],
    [0.5, family === 4 ? '10.0.0.0/8' : 'fc00::/7'],
    [0.3, anywhere(family)],
  ]);
};

export const portOf = ({ random }: Draft, protocol: 'tcp' | 'udp'): number => random.pick([...openPorts[protocol], closedPort, 443]);

/** Marks that Kubernetes' daemons use, and plain ones. */
export const markOf = ({ random }: Draft): string =>
  random.pick(['0x4000/0x4000', '0x8000/0x8000', '0x10000/0x10000', '0x20000/0x20000', '0x1', '0x2/0xff', '0x1/0x1']);

/** Devices that packets pass in the space: those of a node, or a pod's only one. */
export const devicesOf = ({ nodes }: Draft, space: string): string[] => nodes.find(({ name }) => name === space)?.devices ?? ['eth0'];

export const podOn = ({ pods, random }: Draft, space: string): PodDraft => {
  const here = pods.filter(({ node, name }) => node.name === space || name === space);
  return random.pick(here.length > 0 ? here : pods);
};
