import type { Start } from '../../src/forwarding/walk.ts';
import type { World } from '../../src/forwarding/world.ts';
import { address, emptyNetns, flannelCluster, found, link, makeLink, route } from '../unit/forwarding/world.ts';

export interface Crowd extends World {
  ipOf: (pod: number) => string;
  startOf: (pod: number) => Start;
}

/** The two nodes of the tests, with so many pods more on the bridge of the first. */
export const crowd = (pods: number): Crowd => {
  const cluster = flannelCluster();
  const host = cluster.host('node1');
  const node = cluster.node('node1');
  const template = found(host.links.find(({ kind, master }) => kind === 'veth' && master?.name === 'cni0'));
  const ipOf = (pod: number): string => `10.244.0.${pod + 2}`;
  const inodeOf = (pod: number): string => `${4026540000 + pod}`;
  host.links = host.links.filter(({ kind }) => kind !== 'veth');
  host.fdb = host.fdb.filter(({ master }) => master === undefined);
  host.nsids = {};
  node.namespaces = [host];
  for (let pod = 0; pod < pods; pod += 1) {
    const name = `veth${pod}`;
    const { master, bridgePort } = template;
    host.links.push(
      makeLink(100 + pod, name, 'veth', {
        mtu: 1450,
        peerIfindex: 2,
        linkNsid: pod,
        ...(master ? { master } : {}),
        ...(bridgePort ? { bridgePort } : {}),
      }),
    );
    const eth0 = makeLink(2, 'eth0', 'veth', {
      mac: `0a:58:0a:f4:10:${pod.toString(16).padStart(2, '0')}`,
      mtu: 1450,
      peerIfindex: 100 + pod,
      linkNsid: 0,
      addresses: [address(`${ipOf(pod)}/24`)],
    });
    host.nsids[`${pod}`] = inodeOf(pod);
    host.fdb.push({ mac: eth0.mac ?? '', device: name, master: 'cni0', flags: [], state: '' });
    node.namespaces.push({
      ...emptyNetns(inodeOf(pod), 'pod'),
      podUid: `uid-${pod}`,
      nsids: { '0': host.inode },
      links: [link(cluster.pod('db-0'), 'lo'), eth0],
      routes: [route('default via 10.244.0.1 dev eth0'), route(`10.244.0.0/24 dev eth0 src ${ipOf(pod)}`)],
      sockets: [{ protocol: 'tcp', family: 4, address: '0.0.0.0', port: 8080, dual: false }],
    });
  }
  return { ...cluster, ipOf, startOf: (pod) => ({ node: 'node1', netns: inodeOf(pod) }) };
};
