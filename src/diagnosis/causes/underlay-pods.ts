import { sameAddress } from '../../forwarding/address.ts';
import { fails } from '../../probe/probe.ts';
import { xdpAt } from '../blind-spots.ts';
import type { Cause } from '../cause.ts';
import { type Crossing, crossedWords, crossingOf, type Watched, watchedAt, xdpBlame } from '../crossing.ts';
import { onShownPath, probeWords } from '../draft.ts';
import { check, checkWords, DIRECTIONS, type Evidence, failingLegs } from '../evidence.ts';

/** One end at least is a pod: what nodes say to each other is no matter of a pod network. */
const isPods = ({ facts }: Evidence, { left: { packet } }: Crossing): boolean => {
  const isNodes = (address: string): boolean => facts.nodes.some(({ ips }) => ips.some((ip) => sameAddress(ip, address)));
  return ![packet.source, packet.destination].every(isNodes);
};

/** From uplink to uplink, and no program or switch on the way there that may have sent it elsewhere: an assumed way proves nothing. */
const isPlain = (evidence: Evidence, { walk, left, arrived, index }: Crossing): boolean =>
  left.direction === 'out' &&
  arrived.direction === 'in' &&
  walk.hops.slice(0, index + 1).every((hop) => hop.unsure === undefined || xdpAt(evidence, hop) !== undefined);

/** Where captures show that packets left one node bare and did not come to the next. */
const suspect = (evidence: Evidence): (Crossing & { seen: Watched }) | undefined =>
  failingLegs(evidence)
    .filter(({ probe }) => fails(probe))
    .flatMap((leg) => DIRECTIONS.flatMap((direction) => crossingOf(leg, direction, { tunnelled: false }) ?? []))
    .map((crossing) => ({ ...crossing, seen: watchedAt(evidence, crossing) }))
    .find((crossing) => crossing.seen.verdict === 'lost-between' && isPods(evidence, crossing) && isPlain(evidence, crossing));

const FOR_ADDRESSES = [
  "Let the network between the nodes carry addresses that are not the nodes' own:",
  'AWS: source/destination check of the instances off. Azure, Google Cloud: IP forwarding of the instances on. OpenStack: allowed address pairs.',
  "Hypervisors, switches: no filter against forged addresses. Where a router is between the nodes: a route to each node's pod range.",
  'Or let the network plugin put it into a tunnel (VXLAN, Geneve, IPIP), which bears the addresses of the nodes.',
];

/** Bare packets of pods leave one node and never reach the other, while the nodes themselves reach each other. */
export const underlayDropsPods: Cause = {
  code: 'ND2114',
  summary: "The network between two nodes drops packets that have pods' addresses, outside of any tunnel.",
  recognise: (evidence) => {
    const nodes = check(evidence, 'node-to-node');
    const found = nodes === false ? undefined : suspect(evidence);
    const xdp = found && xdpBlame(evidence, found);
    if (!found || xdp === 'all') return undefined;
    const { leg, left, arrived, seen } = found;
    const { source, destination, protocol, destinationPort } = left.packet;
    // the same two addresses, and another protocol passes: then it is no matter of addresses
    const pings = protocol !== 'icmp' && check(evidence, 'main-icmp') === true;
    const what = `${protocol.toUpperCase()}${destinationPort === undefined ? '' : ` ${destinationPort}`}`;
    return {
      severity: 'problem',
      confidence: nodes === true && xdp === 'none' ? 'certain' : 'likely',
      title: `The network between ${left.node} and ${arrived.node} drops ${pings ? `${what} from ${source} to ${destination}, and lets ping pass` : `packets with pods' addresses (${source} → ${destination})`}.`,
      ...onShownPath(found),
      place: { node: left.node, interface: left.interface },
      evidence: [
        probeWords(leg),
        crossedWords(found, seen, `${source} → ${destination}`),
        ...evidence.probes.filter(({ request }) => request.purpose === 'main-icmp').map((probe) => probeWords({ probe })),
        ...checkWords(evidence, 'node-to-node', 'pod-to-own-node', 'far-node-to-pod'),
      ],
      fix: pings ? [`Allow ${what} between the ranges of pods in the network between the nodes (security group, firewall).`] : FOR_ADDRESSES,
      notes: [],
    };
  },
};
