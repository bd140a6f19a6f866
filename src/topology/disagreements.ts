import type { NodeSnapshot, Route } from '../node/snapshot.ts';
import { ovsPortOf } from './attached.ts';
import type { Attachment, Disagreement } from './attachment.ts';
import { routeText } from './host-route.ts';
import { hostOf, isPaired, type Place } from './peers.ts';

/** Its BPF programs redirect to the pod's interface whatever the route says (Cilium without endpoint routes). */
const BPF_ROUTER = 'cilium_host';

interface Case {
  snapshot: NodeSnapshot;
  place: Place;
  peer: Place | undefined;
  attached: Attachment['attached'];
  /** The interface's primary address, without its prefix length. */
  address: string | undefined;
  route: Route | undefined;
}

type Check = (attachment: Case) => Disagreement | undefined;

const peerIndex: Check = ({ place: { link } }) =>
  link.ethtoolPeerIfindex === undefined || link.ethtoolPeerIfindex === link.peerIfindex
    ? undefined
    : { about: 'peer-index', message: `${link.name} says its peer is interface ${link.peerIfindex}, its driver says ${link.ethtoolPeerIfindex}` };

const noPeer: Check = ({ snapshot, place: { link }, peer }) =>
  !isPaired(link) || peer || !hostOf(snapshot)
    ? undefined
    : {
        about: 'no-peer',
        message: `${link.name} is half of a ${link.kind} pair whose other half, interface ${link.peerIfindex}, was found in no namespace`,
      };

const mtu: Check = ({ place: { link }, peer }) =>
  !peer || peer.link.mtu === link.mtu
    ? undefined
    : { about: 'mtu', message: `${link.name} has MTU ${link.mtu}, ${peer.link.name} at its other end ${peer.link.mtu}` };

const ovsPort: Check = ({ snapshot, peer, attached }) => {
  const port = peer && ovsPortOf(snapshot, peer.link.name)?.port;
  if (attached.how === 'ovs' && snapshot.ovs && peer && !port) {
    return { about: 'ovs-port', message: `${peer.link.name} belongs to ${attached.bridge}, but no bridge in OVSDB has it as a port` };
  }
  return port?.error === undefined ? undefined : { about: 'ovs-port', message: `OVS says of port ${port.name}: ${port.error}` };
};

/** The bridge learned the pod's MAC on another port: another interface uses it, or frames loop. */
const fdbPort: Check = ({ place: { link }, peer, attached }) => {
  if (attached.how !== 'bridge' || !peer) return undefined;
  const elsewhere = peer.netns.fdb.find(({ mac, master, device }) => mac === link.mac && master === attached.bridge && device !== peer.link.name);
  if (!elsewhere) return undefined;
  return {
    about: 'fdb-port',
    message: `${attached.bridge} has ${link.mac} of ${link.name} on port ${elsewhere.device}, it hangs on ${peer.link.name}`,
  };
};

const UNRESOLVED = /FAILED|INCOMPLETE|NOARP|NONE/;

/** The node addresses its frames for the pod to somebody else's MAC. */
const mac: Check = ({ place: { link }, peer, address }) => {
  const neighbour = peer?.netns.neighbours.find(
    (entry) => entry.address === address && entry.mac !== undefined && !entry.proxy && !UNRESOLVED.test(entry.state),
  );
  if (!neighbour || neighbour.mac === link.mac) return undefined;
  return {
    about: 'mac',
    message: `the node has ${address} at ${neighbour.mac} on ${neighbour.device} (${neighbour.state}), ${link.name} has ${link.mac}`,
  };
};

const hostRoute: Check = ({ peer, attached, address, route }) => {
  // routes of a namespace that was read for its links only are not known to be missing
  if (!peer || address === undefined || peer.netns.seen === 'links') return undefined;
  if (attached.how === 'routed') {
    if (!route) return { about: 'no-host-route', message: `no route leads to ${address} on ${peer.link.name}` };
    if (route.type !== 'unicast')
      return { about: 'no-host-route', message: `no route leads to ${address} on ${peer.link.name}; "${routeText(route)}" takes it` };
    if (route.device === peer.link.name || route.device === BPF_ROUTER || route.nexthops.some(({ device }) => device === peer.link.name))
      return undefined;
    return { about: 'route-device', message: `"${routeText(route)}" leads to ${address}, its interface is ${peer.link.name}` };
  }
  // a bridge the node has no address on carries a network of its own
  if (attached.how !== 'bridge' || !route || route.type !== 'unicast' || route.gateway !== undefined || route.device === attached.bridge)
    return undefined;
  const bridge = peer.netns.links.find(({ name }) => name === attached.bridge);
  if (!bridge?.addresses.some(({ scope }) => scope === 'global')) return undefined;
  return { about: 'route-device', message: `"${routeText(route)}" leads to ${address}, which hangs on ${attached.bridge}` };
};

const CHECKS: readonly Check[] = [noPeer, peerIndex, ovsPort, hostRoute, fdbPort, mac, mtu];

/** Every pair of sources that do not agree about one attachment. */
export const disagreementsOf = (attachment: Case): Disagreement[] => CHECKS.flatMap((check) => check(attachment) ?? []);
