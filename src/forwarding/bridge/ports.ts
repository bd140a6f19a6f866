import type { BridgeVlan, Link, Netns } from '../../node/snapshot.ts';
import type { Frame, StopDetail } from '../flight.ts';
import { linkAt, type Place, portsOf } from '../world.ts';

/** The bridge a port belongs to, when it is a Linux bridge. */
export const bridgeOf = (place: Place, port: Link): Link | undefined => {
  const bridge = port.master === undefined ? undefined : linkAt(place.netns, port.master.ifindex);
  return bridge?.kind === 'bridge' ? bridge : undefined;
};

/** A port takes and gives frames only in state forwarding (net/bridge/br_input.c br_handle_frame, br_forward.c should_deliver). */
export const portProblem = (port: Link, bridge: Link): StopDetail | undefined => {
  const state = port.bridgePort?.state ?? 'forwarding';
  if (state === 'forwarding' || state === '') return undefined;
  return {
    reason: 'bridge-port',
    message: `port ${port.name} of ${bridge.name} is ${state}`,
    facts: { interface: port.name, bridge: bridge.name, state },
  };
};

const floodings = {
  multicast: { setting: 'multicastFlood', name: 'mcast_flood' },
  broadcast: { setting: 'broadcastFlood', name: 'bcast_flood' },
} as const;

/** Ports that are not to have what is for everybody, unless the host itself sends it (net/bridge/br_forward.c br_flood). */
export const floodProblem = (port: Link, bridge: Link, { toAll }: Frame): StopDetail | undefined => {
  const flooding = toAll && floodings[toAll];
  if (!flooding || port.bridgePort?.[flooding.setting] !== false) return undefined;
  return {
    reason: 'bridge-port',
    message: `port ${port.name} of ${bridge.name} does not take frames for everybody (${flooding.name} off)`,
    facts: { interface: port.name, bridge: bridge.name, state: `${flooding.name} off` },
  };
};

/** What two ports may not do with each other (net/bridge/br_forward.c should_deliver, br_skb_isolated). */
export const pairProblem = (from: Link, to: Link, bridge: Link): StopDetail | undefined => {
  const isolated = from.bridgePort?.isolated === true && to.bridgePort?.isolated === true;
  const returns = from.ifindex === to.ifindex && to.bridgePort?.hairpin !== true;
  if (!isolated && !returns) return undefined;
  return {
    reason: 'bridge-port',
    message: returns
      ? `${to.name} has no hairpin mode: ${bridge.name} does not send a frame back out of the port it came in by`
      : `${from.name} and ${to.name} are both isolated ports of ${bridge.name}`,
    facts: { interface: to.name, bridge: bridge.name, state: returns ? 'without hairpin mode' : 'isolated' },
  };
};

/** The bridge's own address, that of one of its ports, or one written into its FDB as its own, is for the host itself (BR_FDB_LOCAL). */
export const isOwnMac = ({ netns }: Place, bridge: Link, mac: string): boolean => {
  if (bridge.mac === mac) return true;
  const ports = portsOf(netns, bridge);
  if (ports.some((port) => port.mac === mac)) return true;
  const names = new Set([bridge.name, ...ports.map(({ name }) => name)]);
  return netns.fdb.some(
    (entry) =>
      entry.mac === mac && entry.state === 'permanent' && entry.destination === undefined && !entry.flags.includes('self') && names.has(entry.device),
  );
};

const vlansOf = (netns: Netns, device: Link): BridgeVlan[] => netns.vlans.filter((vlan) => vlan.device === device.name);

const vlanStop = (device: Link, bridge: Link, vlan: number | undefined): StopDetail => ({
  reason: 'vlan',
  message:
    vlan === undefined
      ? `${device.name} of ${bridge.name} takes no untagged frames (no PVID)`
      : `${device.name} of ${bridge.name} is not in VLAN ${vlan}`,
  facts: { interface: device.name, bridge: bridge.name, vlan },
});

/** With VLAN filtering: the VLAN a frame is in once it came in by the port, or why it did not (net/bridge/br_vlan.c br_allowed_ingress). */
export const vlanIn = ({ netns }: Place, bridge: Link, port: Link, frame: Frame): { vlan?: number } | StopDetail => {
  if (bridge.bridge?.vlanFiltering !== true) return {};
  const vlans = vlansOf(netns, port);
  const vlan = frame.vlan ?? vlans.find(({ pvid }) => pvid)?.vlan;
  if (vlan === undefined) return vlanStop(port, bridge, undefined);
  return vlans.some((own) => own.vlan === vlan) ? { vlan } : vlanStop(port, bridge, vlan);
};

/** The tag a frame leaves by the port with, or why it does not leave (br_allowed_egress, br_handle_vlan). */
export const vlanOut = (
  { netns }: Place,
  bridge: Link,
  port: Link,
  vlan: number | undefined,
  frame: Frame,
): { tag: number | undefined } | StopDetail => {
  if (vlan === undefined) return { tag: frame.vlan };
  const own = vlansOf(netns, port).find((candidate) => candidate.vlan === vlan);
  if (!own) return vlanStop(port, bridge, vlan);
  return { tag: own.untagged ? undefined : vlan };
};

export const isStop = (answer: object): answer is StopDetail => 'reason' in answer;
