import type { PodFacts } from '../../cluster/facts.ts';
import { parseAddress, textOf } from '../../forwarding/address.ts';
import type { Family } from '../../node/snapshot.ts';
import { type Engine, partyOfPod } from '../engine.ts';
import { namedPorts, outside, type Party } from '../party.ts';
import { isEndpoint } from '../world.ts';
import { type Atoms, atomOf, atomsOf } from './atoms.ts';
import { addressIn, type Region, regionsOf } from './regions.ts';

/** Pods that no policy can tell apart, or addresses outside the cluster. One stands for all. */
export interface PartyClass {
  party: Party;
  pods: readonly PodFacts[];
  /** Of addresses outside. */
  region?: Region;
}

/** The pods policies act on and select: neither over, nor on the host network. */
const policedPods = (pods: readonly PodFacts[]): PodFacts[] => pods.filter((pod) => isEndpoint(pod) && !pod.hostNetwork);

/** Names everything of a pod that some policy reads. */
const signatureOf =
  ({ context }: Engine, atoms: Record<Family, Atoms>) =>
  (party: Party, pod: PodFacts): string => {
    const { reads } = context;
    const labels = [...reads.podLabels].map((key) => (Object.hasOwn(party.labels, key) ? `=${party.labels[key]}` : ''));
    const ports =
      reads.portNames.size === 0
        ? []
        : namedPorts(party).flatMap(({ name, port, protocol }) => (reads.portNames.has(name) ? [`${name}:${protocol}:${port}`] : []));
    const addresses = reads.services ? pod.ips : pod.ips.map((ip) => pieceOf(atoms, ip));
    return JSON.stringify([pod.namespace, labels, ports.sort(), addresses, reads.serviceAccounts ? pod.serviceAccount : '']);
  };

const pieceOf = (atoms: Record<Family, Atoms>, ip: string): string => {
  const address = parseAddress(ip);
  return address ? `${address.family}:${atomOf(atoms[address.family], BigInt(address.value))}` : '';
};

const atomsOfEngine = ({ context }: Engine): Record<Family, Atoms> => {
  const prefixes = [...context.reads.prefixes.values()];
  return { 4: atomsOf(4, prefixes), 6: atomsOf(6, prefixes) };
};

/** @param engines several, when pods have to be told apart that any of them tells apart */
export const podClasses = (engine: Engine, pods: readonly PodFacts[], others: readonly Engine[] = []): PartyClass[] => {
  const signatures = [engine, ...others].map((one) => signatureOf(one, atomsOfEngine(one)));
  const byName = new Map<string, { party: Party; pods: PodFacts[] }>();
  for (const pod of policedPods(pods)) {
    const party = partyOfPod(engine, pod);
    const name = signatures.map((signature) => signature(party, pod)).join('\n');
    const known = byName.get(name);
    if (known) known.pods.push(pod);
    else byName.set(name, { party, pods: [pod] });
  }
  return [...byName.values()];
};

/** Families that are in use: those of the pods, or where manifests have no addresses, those the policies speak of. */
export const familiesOf = ({ world, context }: Engine): Family[] => {
  const ofPods = world.pods.flatMap(({ ips }) => ips.flatMap((ip) => parseAddress(ip)?.family ?? []));
  const ofBlocks = [...context.reads.prefixes.values()].map(({ family }) => family);
  const known = new Set<Family>(ofPods.length > 0 ? ofPods : [4, ...ofBlocks]);
  return ([4, 6] as const).filter((family) => known.has(family));
};

/** Every address there is, by what policies can tell apart; an address that a pod holds is that pod's and not meant. */
export const outsideClasses = (engine: Engine, family: Family, others: readonly Engine[] = []): PartyClass[] =>
  regionsOf(
    family,
    [engine, ...others].flatMap(({ context }) => [...context.reads.prefixes.values()]),
  ).flatMap((region) => {
    const address = addressIn(region);
    return address === undefined ? [] : [{ party: outside(textOf(family, address)), pods: [], region }];
  });
