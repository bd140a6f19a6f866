import { expect } from 'chai';
import { carriersOf } from '../../../src/doctor/carriers.ts';
import type { NodeSnapshot, Route } from '../../../src/node/snapshot.ts';
import { EVERY_CARRIER } from '../../../src/probe/drops/lengths.ts';
import { flannelCluster, found } from '../forwarding/world.ts';

const route = (family: 4 | 6, destination: string, device: string): Route => ({
  family,
  destination,
  table: 'main',
  type: 'unicast',
  device,
  metric: 0,
  protocol: 'static',
  scope: 'global',
  flags: [],
  nexthops: [],
});

/** flannel on dual-stack nodes: a tunnel of its own per family. */
const dualStack = (routes: Route[]): NodeSnapshot[] => {
  const cluster = flannelCluster();
  const host = cluster.host('node1');
  const tunnel = found(host.links.find(({ name }) => name === 'flannel.1'));
  const local = 'fd00:33::1';
  host.links.push({ ...tunnel, name: 'flannel-v6.1', ifindex: 99, vxlan: { ...found(tunnel.vxlan), local } });
  host.routes.push(...routes);
  return cluster.snapshots;
};

describe('the tunnels that a packet may go through', () => {
  it('are those that routes of its family lead into', () => {
    const snapshots = dualStack([route(6, 'fd44:1::/64', 'flannel-v6.1'), route(6, 'fe80::/64', 'flannel-v6.1'), route(6, 'fe80::/64', 'flannel.1')]);
    expect(carriersOf(snapshots, 4)).to.deep.equal({ ipip: false, vxlan: true, geneve: false, over6: false });
    expect(carriersOf(snapshots, 6).over6).to.equal(true);
  });

  it('are also those that a program puts packets into', () => {
    expect(carriersOf(dualStack([route(6, 'fe80::/64', 'flannel-v6.1')]), 4).over6).to.equal(true);
  });

  it('are any where nothing was read', () => {
    const snapshots = dualStack([]);
    for (const { namespaces } of snapshots) for (const netns of namespaces) netns.links = [];
    expect(carriersOf(snapshots, 4)).to.deep.equal(EVERY_CARRIER);
  });
});
