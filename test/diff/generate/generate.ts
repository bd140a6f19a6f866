import type { Case } from '../case.ts';
import { createRandom } from '../random.ts';
import type { Draft } from './draft.ts';
import { finish, hostsOf } from './draft.ts';
import { fault } from './faults.ts';
import { iptablesRules } from './iptables.ts';
import { masquerading } from './masquerading.ts';
import { frameFilter, nftTable } from './nft.ts';
import { probes } from './probes.ts';
import { extraAddress, markedRouting, multipath, oddDefault, oddRoute, policyRouting, removedRoute } from './routes.ts';
import { services } from './services.ts';
import { oddSysctl } from './sysctls.ts';
import { topology } from './topology.ts';
import { trafficControl } from './traffic-control.ts';

/** What is done to a well-wired cluster, each by its weight. */
const twists: readonly (readonly [weight: number, twist: (draft: Draft) => void])[] = [
  [6, (draft) => iptablesRules(draft, someSpace(draft), someBackend(draft))],
  [5, (draft) => nftTable(draft, someSpace(draft))],
  [0.8, (draft) => frameFilter(draft, someSpace(draft))],
  [0.8, (draft) => trafficControl(draft, someHost(draft))],
  [2, (draft) => oddRoute(draft, someSpace(draft))],
  [0.7, (draft) => removedRoute(draft, someSpace(draft))],
  [2, (draft) => policyRouting(draft, someHost(draft))],
  [1, (draft) => markedRouting(draft, someHost(draft))],
  [0.7, (draft) => multipath(draft, draft.random.pick(draft.nodes))],
  [1, (draft) => extraAddress(draft, someSpace(draft))],
  [0.5, oddDefault],
  [4, (draft) => oddSysctl(draft, someSpace(draft))],
  [3, fault],
];

const someHost = (draft: Draft): string => draft.random.pick(hostsOf(draft));

/** Mostly a node; rules and routes inside pods are rarer, but a mesh's sidecar has them. */
const someSpace = (draft: Draft): string => (draft.random.chance(0.8) ? someHost(draft) : draft.random.pick(draft.pods).name);

/** What the node's daemons use, now and then the other one besides. */
const someBackend = ({ random, nodes }: Draft): 'legacy' | 'nft' =>
  random.chance(0.8) ? (nodes[0]?.backend ?? 'nft') : random.pick(['legacy', 'nft'] as const);

/** The case of a seed: always the same. */
export const generate = (seed: number): Case => {
  const random = createRandom(seed);
  const families = random.weighted([
    [4, [4]],
    [4, [4, 6]],
    [2, [6]],
  ] as const);
  const draft: Draft = {
    random,
    families: [...families],
    spaces: [],
    lines: [],
    tags: new Set([`ipv${families.join('+')}`]),
    wiring: true,
    underlay: 'switch',
    nodes: [],
    pods: [],
    services: [],
  };
  topology(draft);
  draft.wiring = false;
  services(draft);
  masquerading(draft);
  for (let left = random.weighted(howMany); left > 0; left -= 1) random.weighted(twists)(draft);
  return { ...finish(draft, seed), probes: probes(draft) };
};

const howMany: readonly (readonly [number, number])[] = [
  [1, 0],
  [3, 1],
  [4, 2],
  [3, 3],
  [2, 4],
  [1, 6],
];
