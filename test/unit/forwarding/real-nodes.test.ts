import { expect } from 'chai';
import type { Walk } from '../../../src/forwarding/hop.ts';
import { certain, type Prediction, predict } from '../../../src/forwarding/predict.ts';
import { type WalkTree, walkBack } from '../../../src/forwarding/walk.ts';
import { alike, type RealWorld, realWorld, scenarios, startOfTruth } from './real-nodes.ts';
import type { Truth } from './recordings.ts';

/** Where each kind of fault ends the packet, on whatever node and interface it meets it. */
const ends: Record<string, RegExp[]> = {
  'calico/many-pods': [/in filter cali-tw-cali\w+ #\d+ .*End of tier default\. Drop if no policies passed packet/],
  'calico/policy-drop': [/in filter cali-tw-cali\w+ #\d+ .*End of tier default\. Drop if no policies passed packet/],
  'calico/trace-iptables': [/in filter cali-tw-cali\w+ #\d+ .*End of tier default\. Drop if no policies passed packet/],
  'calico/v3.29-policy-drop': [/in filter cali-tw-cali\w+ #\d+ .*Drop if no policies passed packet/],
  'calico/nft-policy-drop': [/in ip calico filter-cali-tw-cali\w+ #\d+ meta mark & 131072 0 counter drop/],
  'calico/policy-tier': [
    /in filter cali-pi-gnp\/security\.deny-c #2 /,
    /in filter cali-tw-cali\w+ #\d+ .*End of tier \w+\. Drop if no policies passed packet/,
  ],
  'calico/missing-host-route': [/blackhole 10\.244\.104\.0\/26/, /in raw cali-PREROUTING #5 .*rpfilter --validmark --invert/],
  'calico/unknown-interface': [/in filter cali-(from|to)-wl-dispatch #2 .*Unknown interface/],
  'calico/vxlan-fdb-missing': [/no FDB entry for \S+ on vxlan\.calico/],
  'ovn-kubernetes/peerpod-mac-mismatch': [/vxlan0 has 6e:1f:2a:90:c4:17, the frame is addressed to 0a:58:0a:84:00:04/],
};

const shown = (tree: WalkTree): Walk | undefined => {
  if ('walk' in tree) return tree.walk;
  for (const { next } of tree.ways) {
    const walk = next && shown(next);
    if (walk) return walk;
  }
  return undefined;
};

/** Where and by what the packet or its answer ends. */
const endOf = (there: Walk | undefined, world: RealWorld): string => {
  const hop = there?.hops.findLast(({ stop }) => stop) ?? (there && walkBack(there, world)?.hops.findLast(({ stop }) => stop));
  const { chain, table, number } = hop?.stop?.facts ?? {};
  return `${hop?.direction} ${chain === undefined ? hop?.stop?.message : `${table} ${chain} #${number} ${hop?.stop?.decidedBy}`}`;
};

const predictionOf = (world: RealWorld, { src, dst_ip: destination, proto: protocol, port }: Truth): Prediction | undefined => {
  const start = startOfTruth(world, src);
  const ports = protocol === 'icmp' ? {} : { sourcePort: 61440, destinationPort: port };
  return start && predict({ source: '', destination, protocol, ...ports }, start, world);
};

/** What only flows of a switch or programs can tell. */
const isProgrammed = (doubt: string): boolean => /the flows of OVS|BPF programs/.test(doubt);

if (scenarios().length === 0) it.skip('recordings of real nodes: none lie beside the project', () => undefined);

for (const scenario of scenarios()) {
  describe(`the real nodes of ${scenario}`, () => {
    const world = realWorld(scenario);
    for (const truth of world.truth) {
      const { src, dst, proto, port, result } = truth;
      const prediction = predictionOf(world, truth);
      if (!prediction) continue;
      it(`${src} → ${dst} ${proto} ${port}: ${result}, as it was`, () => {
        const predicted = certain(prediction.forecast);
        if (predicted === 'unknown') {
          expect(prediction.doubts.some(isProgrammed), prediction.doubts.join('; ')).to.equal(true);
          return;
        }
        expect(alike(predicted), prediction.doubts.join('; ')).to.equal(alike(result));
        if (result === 'ok' || result === 'refused') return;
        const end = endOf(shown(prediction.there), world);
        const expected = ends[scenario] ?? [];
        expect(expected.length === 0 || expected.some((pattern) => pattern.test(end)), end).to.equal(true);
      });
    }
  });
}
