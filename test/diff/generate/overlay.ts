import { add, type Draft, macOf, type NodeDraft, single, tag } from './draft.ts';
import { addAddress } from './topology.ts';

/** How pods reach pods of other nodes. */
export const overlay = (draft: Draft): void => {
  const { random } = draft;
  const kind = random.weighted([
    [5, 'flannel'],
    [3, 'calico'],
    [draft.nodes.every(({ style }) => style === 'bridge') ? 3 : 0, 'bridged'],
    // a next hop must be a neighbour
    [draft.underlay === 'switch' ? 4 : 0, 'routes'],
  ] as const);
  tag(draft, `overlay ${kind}`);
  overlays[kind](draft);
};

/** One VTEP per node with an address of its own that routes point at; neighbours and FDB are written by the daemons (flannel, Calico). */
const routedVxlan = (draft: Draft, { device, vni, port, vtep }: VxlanStyle): void => {
  const { nodes } = draft;
  for (const node of nodes) {
    addVxlan(draft, node, { device, vni, port, learning: false });
    for (const family of draft.families) add(draft, node.name, 'ip', addAddress(single(vtep(node, family), family), device));
    add(draft, node.name, 'ip', `link set ${device} up`);
    for (const far of nodes) {
      if (far === node) continue;
      for (const family of draft.families) {
        add(
          draft,
          node.name,
          'ip',
          `route add ${far.podCidr[family]} via ${vtep(far, family)} dev ${device} onlink`,
          `neigh add ${vtep(far, family)} lladdr ${vtepMac(far)} dev ${device} nud permanent`,
        );
      }
      add(draft, node.name, 'bridge', `fdb append ${vtepMac(far)} dev ${device} dst ${outer(draft, far)} self permanent`);
    }
  }
};

interface VxlanStyle {
  device: string;
  vni: number;
  port: number;
  vtep: (node: NodeDraft, family: 4 | 6) => string;
}

export const vtepMac = ({ index }: NodeDraft): string => macOf(6, index, 1);

/** Outer packets are IPv4 where the nodes have it. */
export const outer = ({ families }: Draft, node: NodeDraft): string => node.address[families.includes(4) ? 4 : 6];

interface VxlanDevice {
  device: string;
  vni: number;
  port: number;
  learning: boolean;
}

const addVxlan = (draft: Draft, node: NodeDraft, { device, vni, port, learning }: VxlanDevice): void => {
  node.vxlan = device;
  node.devices.push(device);
  const local = outer(draft, node);
  const dev = draft.random.chance(0.8) ? ` dev ${node.uplink}` : '';
  const quiet = learning ? '' : ' nolearning';
  add(draft, node.name, 'ip', `link add ${device} address ${vtepMac(node)} type vxlan id ${vni} local ${local}${dev} dstport ${port}${quiet}`);
};

/** A VXLAN device as a port of the pods' bridge: one L2 segment over all nodes, flooded to every VTEP. */
const bridgedVxlan = (draft: Draft): void => {
  for (const node of draft.nodes) {
    const vxlan = { device: 'vx0', vni: 7, port: 4789, learning: draft.random.chance(0.7) };
    addVxlan(draft, node, vxlan);
    add(draft, node.name, 'ip', 'link set vx0 master cni0 up');
    for (const far of draft.nodes) {
      if (far === node) continue;
      add(draft, node.name, 'bridge', `fdb append 00:00:00:00:00:00 dev vx0 dst ${outer(draft, far)} self permanent`);
      for (const family of draft.families) add(draft, node.name, 'ip', `route add ${far.podCidr[family]} dev cni0`);
    }
  }
};

const directRoutes = (draft: Draft): void => {
  for (const node of draft.nodes) {
    for (const far of draft.nodes) {
      if (far === node) continue;
      for (const family of draft.families) {
        add(draft, node.name, 'ip', `route add ${far.podCidr[family]} via ${far.address[family]} dev ${node.uplink}`);
      }
    }
  }
};

const overlays = {
  flannel: (draft: Draft) =>
    routedVxlan(draft, {
      device: 'flannel.1',
      vni: 1,
      port: 8472,
      vtep: ({ index }, family) => (family === 4 ? `10.244.${index}.0` : `fd44:${index}::`),
    }),
  calico: (draft: Draft) =>
    routedVxlan(draft, {
      device: 'vxlan.calico',
      vni: 4096,
      port: 4789,
      vtep: ({ index }, family) => (family === 4 ? `10.244.${index}.64` : `fd44:${index}::40`),
    }),
  bridged: bridgedVxlan,
  routes: directRoutes,
};
