import type { NodeFacts, PodFacts } from '../cluster/facts.ts';
import { parseAddress } from '../forwarding/address.ts';
import type { Family } from '../node/snapshot.ts';
import { type Engine, partyOfPod, selecting } from './engine.ts';
import { familiesOf, outsideClasses, podClasses } from './matrix/classes.ts';
import { podNamer } from './matrix/names.ts';
import { type Region, regionNames } from './matrix/regions.ts';
import type { Direction, PolicyRef } from './model.ts';
import { nodeParty, type Party } from './party.ts';
import { isAnything, isNothing, type PortSet, portSetText } from './port-set.ts';
import { reach } from './reach.ts';
import { isOver } from './world.ts';

/** Others of one kind whom the policies let through alike. */
export interface Exposed {
  kind: 'pods' | 'node' | 'outside';
  /** Namespaces, workloads, nodes, blocks of addresses. */
  who: string[];
  traffic: string;
  /** How many pods or nodes. */
  count?: number;
}

export interface Exposure {
  policies: PolicyRef[];
  restricted: boolean;
  peers: Exposed[];
}

const familyOf = (address: string | undefined): Family | undefined => (address === undefined ? undefined : parseAddress(address)?.family);

interface Answer {
  set: PortSet;
  pods?: readonly PodFacts[];
  nodes?: readonly string[];
  region?: Region;
}

const grouped = (answers: readonly Answer[]): Answer[][] =>
  [...Map.groupBy(answers, ({ set }) => portSetText(set)).values()].sort((a, b) => breadth(b[0]) - breadth(a[0]));

/** Everything first, nothing last. */
const breadth = (answer: Answer | undefined): number => (!answer || isNothing(answer.set) ? 0 : isAnything(answer.set) ? 2 : 1);

const trafficOf = ([first]: readonly Answer[]): string => (first ? portSetText(first.set) : 'none');

/** One direction of a pod's traffic, at one of its addresses. */
const peersAt = (engine: Engine, pod: PodFacts, address: string | undefined, direction: Direction): Exposed[] => {
  const own = partyOfPod(engine, pod, address);
  const family = familyOf(address);
  const between = (far: Party): PortSet => (direction === 'ingress' ? reach(engine, far, own) : reach(engine, own, far));
  const others = engine.world.pods.filter((one) => !(one.namespace === pod.namespace && one.name === pod.name));
  const inFamily = ({ ips }: PodFacts): string | undefined => ips.find((ip) => familyOf(ip) === family);
  const pods = podClasses(
    engine,
    others.filter((one) => one.ips.length === 0 || family === undefined || inFamily(one) !== undefined),
  ).map(({ pods: members }): Answer => {
    const [first] = members;
    return { set: between(partyOfPod(engine, first as PodFacts, inFamily(first as PodFacts))), pods: members };
  });
  const nodes = engine.world.nodes.map((node): Answer => {
    const at = node.ips.find((ip) => familyOf(ip) === family);
    return { set: between(nodeParty(node, at)), nodes: [nodeName(node, pod)] };
  });
  const outside = (family === undefined ? familiesOf(engine) : [family]).map((one) =>
    outsideClasses(engine, one).map(({ party, region }): Answer => ({ set: between(party), ...(region ? { region } : {}) })),
  );
  const nameOf = podNamer(others.filter((one) => !one.hostNetwork && !isOver(one)));
  return [
    ...grouped(pods).map((group): Exposed => {
      const members = group.flatMap((answer) => answer.pods ?? []);
      return { kind: 'pods', who: nameOf(members), traffic: trafficOf(group), count: members.length };
    }),
    ...grouped(nodes).map((group): Exposed => {
      const names = group.flatMap((answer) => answer.nodes ?? []);
      return { kind: 'node', who: names, traffic: trafficOf(group), count: names.length };
    }),
    ...outside.flatMap((answers) =>
      grouped(answers).map(
        (group): Exposed => ({
          kind: 'outside',
          who: regionNames(group.flatMap(({ region }) => region ?? [])),
          traffic: trafficOf(group),
        }),
      ),
    ),
  ];
};

const nodeName = ({ name }: NodeFacts, { node }: PodFacts): string => (name === node ? `its own node ${name}` : `node ${name}`);

/** What its second address is told apart for. */
const atOther = (name: string): string => `${name} (by its other family)`;

const samePeer = (one: Exposed, other: Exposed): boolean =>
  one.kind === other.kind && one.traffic === other.traffic && one.who.join() === other.who.join();

/**
 * Who may talk to a pod, or to whom it may talk: both ends' policies must let it through; of what is outside there are only the pod's own.
 * A pod of two families is asked at both addresses; what is the same at both is said once.
 */
export const exposureOf = (engine: Engine, pod: PodFacts, direction: Direction): Exposure => {
  const own = partyOfPod(engine, pod);
  const policies = engine.tiers.flatMap((tier) => selecting(tier, direction, own).map(({ ref }) => ref));
  const [first = [], ...more] = (pod.ips.length === 0 ? [undefined] : pod.ips).map((address) => peersAt(engine, pod, address, direction));
  const others = more.flatMap((peers) => peers.filter((peer) => !first.some((known) => samePeer(known, peer))));
  const peers = [...first, ...others.map((peer) => (peer.kind === 'outside' ? peer : { ...peer, who: peer.who.map(atOther) }))];
  return { policies: [...new Set(policies)], restricted: peers.some(({ traffic }) => traffic !== 'any'), peers };
};
