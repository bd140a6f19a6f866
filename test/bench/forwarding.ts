/**
 * How fast the forwarding model is: rulesets of large clusters read and walked, a node with many pods, and questions that tools of the node
 * answer as well. Prints, and judges nothing.
 *
 *     node test/bench/forwarding.ts
 */
import { walk, walkBack } from '../../src/forwarding/walk.ts';
import { parseIptables } from '../../src/node/parse/iptables.ts';
import { parseNft } from '../../src/node/parse/nft.ts';
import type { Netns } from '../../src/node/snapshot.ts';
import { type FlannelCluster, flannelCluster } from '../unit/forwarding/world.ts';
import { crowd } from './forwarding-crowd.ts';
import { kubeProxyNft, kubeProxySave, largeSave, serviceIp } from './forwarding-node.ts';

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Wall time, and what the processor spent, which a busy machine does not change as much. */
const timed = <Answer>(what: string, work: () => Answer): Answer => {
  const [started, before] = [performance.now(), cpu()];
  const answer = work();
  print(`${(performance.now() - started).toFixed(1).padStart(9)} ms ${(cpu() - before).toFixed(1).padStart(9)} ms of CPU  ${what}`);
  return answer;
};

/** The most that this process has held so far, MB. */
const memory = (): number => Math.round(process.resourceUsage().maxRSS / 1024);

const toService = (cluster: FlannelCluster, service: number): void => {
  const start = { node: 'node1', netns: cluster.pod('web-0').inode };
  const there = walk({ source: '', destination: serviceIp(service), protocol: 'tcp', destinationPort: 80 }, start, cluster);
  if (there.translations.length === 0) throw new Error(`nobody translated ${serviceIp(service)}: ${there.outcome}`);
};

const clusterWith = (netfilter: Partial<Netns['netfilter']>): FlannelCluster => {
  const cluster = flannelCluster();
  for (const name of ['node1', 'node2']) Object.assign(cluster.host(name).netfilter, { iptables: [], ...netfilter });
  return cluster;
};

/** The cost of one walk, over many, so that the clock can tell. */
const each = (what: string, count: number, work: (index: number) => void): void => {
  for (let index = 0; index < count / 10; index += 1) work(index);
  const before = cpu();
  for (let index = 0; index < count; index += 1) work(index);
  const spent = (cpu() - before) / count;
  print(`${spent.toFixed(3).padStart(9)} ms of CPU each (${Math.round(1000 / spent).toLocaleString('en')} a second)  ${what}`);
};

const large = largeSave({ chains: 10_000, rules: 100_000 });
const counted = (pattern: RegExp): string => (large.match(pattern)?.length ?? 0).toLocaleString('en');
print(`iptables-save of ${counted(/^-A /gm)} rules in ${counted(/^:/gm)} chains, ${(large.length / 2 ** 20).toFixed(1)} MB:`);
const { value: iptables, unparsed } = timed('read', () => parseIptables(large, 'nft', 4));
print(`${memory().toLocaleString('en').padStart(9)} MB                     at most in memory so far, the text and the making of it included`);
if (unparsed.length > 0) throw new Error(`not understood: ${unparsed[0]}`);
const cluster = clusterWith({ iptables });
timed('the first walk to a Service, with all that is indexed for it', () => toService(cluster, 0));
each('a walk to a Service', 200, (index) => toService(cluster, index * 7));

const json = kubeProxyNft({ services: 1_700, endpoints: 4 });
print(`\nnft ruleset, ${(json.length / 2 ** 20).toFixed(1)} MB of JSON:`);
const nft = timed('read', () => parseNft(json)).value;
const withNft = clusterWith({ nft });
timed('the first walk to a Service, with all that is indexed for it', () => toService(withNft, 0));
each('a walk to a Service', 200, (index) => toService(withNft, index * 7));

print('\na walk to a Service, by how many there are:');
for (const services of [10, 100, 1_000, 10_000]) {
  const nftables = clusterWith({ nft: parseNft(kubeProxyNft({ services, endpoints: 2 })).value });
  each(`${services.toLocaleString('en')} Services, nftables`, 200, (index) => toService(nftables, index % services));
}
for (const services of [10, 100, 1_000, 10_000]) {
  const legacy = clusterWith({ iptables: parseIptables(kubeProxySave({ services, endpoints: 2 }), 'nft', 4).value });
  each(`${services.toLocaleString('en')} Services, iptables`, 200, (index) => toService(legacy, index % services));
}

const PODS = 250;
print(`\na node with ${PODS} pods:`);
const crowded = crowd(PODS);
each('there and back, pod to pod on the node', 400, (index) => {
  const there = walk(
    { source: '', destination: crowded.ipOf((index * 13) % PODS), protocol: 'tcp', destinationPort: 8080 },
    crowded.startOf((index * 7 + 1) % PODS),
    crowded,
  );
  if (there.outcome !== 'delivered' || walkBack(there, crowded)?.outcome !== 'delivered') throw new Error(`not delivered: ${there.outcome}`);
});
