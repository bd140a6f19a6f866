import type { Family } from '../../../src/node/snapshot.ts';
import type { Probe } from '../case.ts';
import type { Draft } from './draft.ts';
import { closedPort, openPorts } from './services.ts';
import { farHost, gatewayOf } from './topology.ts';

/** So many questions to one case. */
const most = 48;

interface Target {
  address: string;
  /** Where it makes sense to ask for one port only. */
  protocol?: 'tcp' | 'udp';
  port?: number;
}

const targetsOf = ({ pods, nodes, services }: Draft, family: Family): Target[] => [
  ...pods.map(({ address }) => ({ address: address[family] })),
  ...nodes.map(({ address }) => ({ address: address[family] })),
  ...nodes.filter(({ style }) => style === 'bridge').map((node) => ({ address: gatewayOf(node)[family] })),
  ...services.flatMap(({ address, protocol, port, nodePort }): Target[] => [
    { address: address[family], protocol, port },
    { address: address[family], protocol, port },
    ...(nodePort === undefined ? [] : nodes.map((node) => ({ address: node.address[family], protocol, port: nodePort }))),
  ]),
  { address: farHost[family] },
];

/** Every pod and node asks every address of the case, by some protocol; a sample of it where that is too much. */
export const probes = (draft: Draft): Probe[] => {
  const { random, families, pods, nodes, tags } = draft;
  const from = [...pods, ...pods, ...nodes].map(({ name }) => name);
  const questions = from.flatMap((space) => families.flatMap((family) => targetsOf(draft, family).map((target) => ({ space, target }))));
  const attempts = tags.has('random') || draft.services.some(({ endpoints }) => endpoints.length > 1) ? 4 : 1;
  return random.some(questions, most).map(({ space, target }, index) => {
    const protocol = target.protocol ?? random.pick(['tcp', 'tcp', 'udp', 'icmp'] as const);
    const isService = target.port !== undefined || target.address.startsWith('10.96.') || target.address.startsWith('fd96:');
    return {
      from: space,
      destination: target.address,
      protocol,
      sourcePort: 20_000 + index * 16,
      destinationPort: target.port ?? (protocol === 'icmp' ? 0 : random.chance(0.1) ? closedPort : random.pick(openPorts[protocol])),
      attempts: tags.has('random') || isService ? attempts : 1,
      ...(protocol !== 'tcp' && tags.has('large') && random.chance(0.6)
        ? { size: random.pick([1200, 1330, 1410, 1440, 1472]), fragment: random.chance(0.3) }
        : {}),
    };
  });
};
