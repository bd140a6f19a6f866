import { expect } from 'chai';
import type { PodFacts } from '../../../src/cluster/facts.ts';
import { flannelMismatches } from '../../../src/cni/flannel-mismatch.ts';
import { dataPlane } from '../../../src/cni/identity.ts';
import { familyOf } from '../../../src/forwarding/address.ts';
import type { Walk } from '../../../src/forwarding/hop.ts';
import { walk, walkBack } from '../../../src/forwarding/walk.ts';
import type { World } from '../../../src/forwarding/world.ts';
import { recorded, startOf } from './recordings.ts';
import { found } from './world.ts';

const pods = ({ facts }: World): PodFacts[] => facts.pods.filter(({ hostNetwork }) => !hostNetwork);

const there = (world: World, pod: PodFacts, destination: string, protocol: 'tcp' | 'udp', destinationPort: number): Walk =>
  walk({ source: '', destination, protocol, sourcePort: 61440, destinationPort }, startOf(world, pod), world);

const doubts = (...walks: (Walk | undefined)[]): string[] => walks.flatMap((one) => one?.hops.flatMap(({ unsure }) => unsure ?? []) ?? []);

const clusters = [
  { name: 'flannel-vxlan-iptables-dual', plane: { cni: 'flannel vxlan', kubeProxy: 'iptables' } },
  { name: 'flannel-hostgw-nftables-dual', plane: { cni: 'flannel host-gw', kubeProxy: 'nftables' } },
];

for (const { name, plane } of clusters) {
  describe(`the recorded cluster ${name}`, () => {
    const world = recorded(name);

    it('is recognised', () => {
      expect(dataPlane(world.snapshots, world.facts)).to.deep.equal(plane);
    });

    it('has all that flannel should have set up', () => {
      for (const snapshot of world.snapshots) {
        for (const far of world.snapshots) {
          if (far !== snapshot) expect(flannelMismatches(snapshot, far.node, world.facts, far)).to.deep.equal([]);
        }
      }
    });

    it('carries every pod to every pod, node and back in both families', () => {
      for (const pod of pods(world)) {
        const targets = [...pods(world).flatMap(({ ips }) => ips), ...world.facts.nodes.flatMap(({ ips }) => ips)];
        for (const target of targets) {
          const request = there(world, pod, target, 'tcp', 8080);
          const reply = walkBack(request, world);
          expect([request.outcome, reply?.outcome, ...doubts(request, reply)], `${pod.name} → ${target}`).to.deep.equal(['delivered', 'delivered']);
        }
      }
    });

    it('carries every pod to an endpoint of each Service and the reply back with the address that was asked', () => {
      for (const service of world.facts.services.filter(({ name: service }) => service !== 'kubernetes')) {
        const addresses = world.facts.endpoints.filter((one) => one.service.name === service.name && one.service.namespace === service.namespace);
        for (const clusterIp of service.clusterIps) {
          const [port] = service.ports;
          for (const pod of pods(world)) {
            const request = there(world, pod, clusterIp, port?.protocol === 'udp' ? 'udp' : 'tcp', port?.port ?? 0);
            const reply = walkBack(request, world);
            const label = `${pod.name} → ${service.name} ${clusterIp}`;
            if (addresses.length === 0) {
              expect(request.hops.at(-1)?.stop?.reason, label).to.equal('reject');
              continue;
            }
            expect([request.outcome, reply?.outcome, ...doubts(request, reply)], label).to.deep.equal(['delivered', 'delivered']);
            expect(addresses.map(({ ip }) => ip)).to.include(request.arrived?.destination);
            expect(reply?.arrived?.source).to.equal(clusterIp);
          }
        }
      }
    });

    it('follows the endpoint that is asked for', () => {
      const [pod] = pods(world);
      const service = found(world.facts.services.find((one) => one.name === 'web'));
      for (const { ip } of world.facts.endpoints.filter((one) => one.service.name === 'web')) {
        const destination = found(service.clusterIps.find((one) => familyOf(one) === familyOf(ip)));
        const request = walk(
          { source: '', destination, protocol: 'tcp', sourcePort: 61440, destinationPort: 80 },
          startOf(world, found(pod)),
          world,
          { endpoint: ip },
        );
        expect(request.arrived?.destination).to.equal(ip);
        expect(request.choices.length).to.be.greaterThan(0);
      }
    });

    it('masquerades what leaves the cluster', () => {
      const [pod] = pods(world);
      const request = there(world, found(pod), '203.0.113.7', 'tcp', 443);
      const node = found(world.facts.nodes.find((one) => one.name === pod?.node));
      expect([request.outcome, request.hops.at(-1)?.packet.source]).to.deep.equal(['left', node.ips[0]]);
    });
  });
}

for (const name of ['calico-policy-drop', 'calico-missing-host-route', 'calico-vxlan-fdb-missing', 'calico-nft-policy-drop']) {
  describe(`the recorded cluster ${name}`, () => {
    const world = recorded(name);
    for (const { src, dst, dst_ip: destination, proto, port, result } of world.truth) {
      const pod = pods(world).find((one) => `${one.namespace}/${one.name}` === src);
      if (!pod) continue;
      it(`${src} → ${dst} ${proto} ${port}: ${result}, as it was`, () => {
        const request = walk({ source: '', destination, protocol: proto, sourcePort: 61440, destinationPort: port }, startOf(world, pod), world);
        const reply = walkBack(request, world);
        const lost = request.outcome === 'stopped' || reply?.outcome === 'stopped';
        expect([lost, ...doubts(request, reply)]).to.deep.equal([result === 'timeout']);
      });
    }
  });
}
