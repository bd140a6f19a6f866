import { expect } from 'chai';
import { certain, predict } from '../../../src/forwarding/predict.ts';
import { tablesFrom } from './iptables-text.ts';
import { rename } from './rename.ts';
import { type FlannelCluster, flannelCluster, insertRule, link, makeLink, setPolicy } from './world.ts';

const everywhere = (cluster: FlannelCluster, change: (node: string) => void): void => {
  for (const { node } of cluster.snapshots) change(node);
};

/** What looks unusual and works all the same. */
const variants: Record<string, (cluster: FlannelCluster) => FlannelCluster | undefined> = {
  'an uplink with an MTU of 9001': (cluster) => {
    everywhere(cluster, (node) => Object.assign(link(cluster.host(node), 'eth0'), { mtu: 9001 }));
    return cluster;
  },
  'an uplink with an MTU of 1460, and pods with 1410': (cluster) => {
    everywhere(cluster, (node) => {
      for (const one of cluster.host(node).links) if (one.name !== 'lo') one.mtu = one.name === 'eth0' ? 1460 : 1410;
    });
    for (const name of ['web-0', 'web-1', 'db-0']) link(cluster.pod(name), 'eth0').mtu = 1410;
    return cluster;
  },
  'FORWARD with the policy DROP and rules that accept': (cluster) => {
    everywhere(cluster, (node) => setPolicy(cluster.host(node), 'FORWARD', 'DROP'));
    return cluster;
  },
  'a rule for the range of node ports': (cluster) => {
    everywhere(cluster, (node) => insertRule(cluster.host(node), 'filter', 'INPUT', '-p tcp -m tcp --dport 30000:32767 -j ACCEPT'));
    return cluster;
  },
  'a routing rule for a mark': (cluster) => {
    const rule = (priority: number, table: string) => ({ family: 4 as const, priority, not: false, from: 'all', to: 'all', table, action: 'lookup' });
    everywhere(cluster, (node) => {
      cluster.host(node).rules = [rule(0, 'local'), { ...rule(100, '200'), fwmark: '0x1' }, rule(32766, 'main'), rule(32767, 'default')];
    });
    return cluster;
  },
  'an uplink called bond0': (cluster) => rename(cluster, (name) => (name === 'eth0' ? 'bond0' : name), { roles: ['host'] }),
  'a route over two next hops': (cluster) => {
    const host = cluster.host('node1');
    const hop = { gateway: '10.244.1.0', device: 'flannel.1', weight: 1, flags: ['onlink'] };
    host.routes = host.routes.map((route) => {
      if (route.destination !== '10.244.1.0/24') return route;
      const { gateway: _gateway, device: _device, ...rest } = route;
      return { ...rest, nexthops: [hop, hop] };
    });
    return cluster;
  },
  'a route with a source address of its own': (cluster) => {
    for (const route of cluster.host('node1').routes) if (route.destination === '10.244.1.0/24') route.source = '10.244.0.1';
    return cluster;
  },
  'an interface without an address, and no default route': (cluster) => {
    const host = cluster.host('node1');
    host.links.push(makeLink(40, 'eth1', ''));
    host.routes = host.routes.filter(({ destination }) => destination !== '0.0.0.0/0');
    return cluster;
  },
  'a rule in a pod': (cluster) => {
    cluster.pod('db-0').netfilter.iptables = tablesFrom('*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 9 -j DROP\nCOMMIT');
    return cluster;
  },
};

describe('what is unusual but healthy', () => {
  for (const [title, make] of Object.entries(variants)) {
    it(`${title}: is predicted to work`, () => {
      const cluster = flannelCluster();
      const changed = make(cluster) ?? cluster;
      const start = { node: 'node1', netns: cluster.pod('web-0').inode };
      for (const [destination, destinationPort, length] of [
        ['10.244.1.5', 8080, 1410],
        ['10.96.0.50', 80, 60],
        ['10.244.0.5', 8080, 1410],
      ] as const) {
        const packet = { source: '', destination, protocol: 'tcp', sourcePort: 40000, destinationPort, length, dontFragment: true } as const;
        expect(certain(predict(packet, start, changed).forecast), `${destination}:${destinationPort}`).to.equal('ok');
      }
    });
  }
});
