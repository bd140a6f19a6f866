import { smallPing } from '../diagnosis/causes/full-size.ts';
import { familyOf } from '../forwarding/address.ts';
import { lookupRoute } from '../forwarding/route/lookup.ts';
import { hostNetns, linkNamed } from '../forwarding/world.ts';
import type { Netns, NodeSnapshot } from '../node/snapshot.ts';
import { answered, type ProbeRequest, type ProbeResult } from '../probe/probe.ts';
import { entryPid, type Sender } from './plan.ts';

const netnsOf = ({ node, from }: Sender, snapshots: NodeSnapshot[]): Netns | undefined => {
  const snapshot = snapshots.find((candidate) => candidate.node === node);
  if (!snapshot) return undefined;
  if (from.netns === 'host') return hostNetns(snapshot);
  return snapshot.namespaces.find(({ podUid }) => podUid !== undefined && entryPid(snapshot, podUid) === from.pid);
};

/** Bytes at L3 that the sender believes the way to take: its route's MTU, else its device's. Nothing for itself. */
export const senderMtu = (sender: Sender, destination: string, snapshots: NodeSnapshot[]): number | undefined => {
  const netns = netnsOf(sender, snapshots);
  const route = netns && lookupRoute(netns, { family: familyOf(destination), source: '', destination, mark: 0, iif: 'lo' });
  if (route?.kind !== 'unicast') return undefined;
  return route.route.mtu ?? linkNamed(netns, route.paths[0].device)?.mtu;
};

/** MTUs that links and tunnels in use have, and some between. */
const USUAL = [
  8900, 8000, 4000, 2000, 1500, 1492, 1480, 1476, 1460, 1450, 1440, 1430, 1422, 1420, 1410, 1400, 1390, 1380, 1370, 1350, 1300, 1280, 1200, 1000, 576,
];

/** Told that a packet is too large, a sender sends smaller ones: those have to pass, where any do. */
export const fittingSize = (results: ProbeResult[]): ProbeRequest | undefined => {
  const full = results.find(({ request }) => request.purpose === 'full-size');
  const small = smallPing(results);
  const mtu =
    full && answered(full) === 0 && small && answered(small) > 0 ? full.attempts.find((attempt) => attempt.mtu !== undefined)?.mtu : undefined;
  return full === undefined || mtu === undefined || mtu >= (full.request.size ?? 0)
    ? undefined
    : { ...full.request, id: `${full.request.id}-${mtu}`, size: mtu };
};

/** One ping of each usual size below the one that vanished, to find the largest that passes. */
export const sizeSearch = ({ request }: ProbeResult): ProbeRequest[] => {
  const most = request.size ?? 0;
  return USUAL.filter((size) => size < most && size > 100).map((size) => ({
    ...request,
    id: `${request.id}-${size}`,
    purpose: 'size-search',
    size,
    count: 1,
  }));
};
