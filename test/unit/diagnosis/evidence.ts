import type { Endpoint } from '../../../src/cluster/endpoint.ts';
import type { Protocol } from '../../../src/cluster/facts.ts';
import type { Evidence } from '../../../src/diagnosis/evidence.ts';
import { walk, walkBack } from '../../../src/forwarding/walk.ts';
import type { Drop } from '../../../src/probe/observation.ts';
import type { Attempt, Outcome, ProbePurpose, ProbeResult } from '../../../src/probe/probe.ts';
import { type FlannelCluster, found } from '../forwarding/world.ts';

export interface Question {
  from: string;
  /** Pod, Service or address. */
  to: string;
  port?: number;
  protocol?: Protocol;
  /** One word per attempt, or one for all five. */
  outcome: Outcome | Outcome[];
}

/** `path FROM TO` as it would be judged: walks from the world's snapshots, the main probe with the outcome the test says. */
export const ask = (cluster: FlannelCluster, { from, to, port = 8080, protocol = 'tcp', outcome }: Question): Evidence => {
  const target = endpoint(cluster, to);
  const destination = found(target.ips[0]);
  const source = cluster.podFacts(from);
  const main = probe('main', from, to, destination, outcome, { port, protocol });
  const there = walk(
    { source: '', destination, protocol, sourcePort: 40000, destinationPort: port },
    { node: source.node ?? '', netns: cluster.pod(from).inode },
    cluster,
  );
  const back = walkBack(there, cluster);
  return {
    from: endpoint(cluster, from),
    to: target,
    facts: cluster.facts,
    snapshots: cluster.snapshots,
    probes: [main],
    walks: { main: { there, ...(back ? { back } : {}) } },
    taps: [],
    drops: [],
    ruleTraces: [],
    attachments: [],
  };
};

export const probe = (
  purpose: ProbePurpose,
  fromLabel: string,
  toLabel: string,
  destination: string,
  outcome: Outcome | Outcome[],
  more: { port?: number; protocol?: Protocol } = {},
): ProbeResult => {
  const list = Array.isArray(outcome) ? outcome : Array.from({ length: 5 }, () => outcome);
  return {
    request: {
      id: purpose,
      purpose,
      node: 'node1',
      from: { netns: 'host' },
      fromLabel,
      toLabel,
      destination,
      protocol: 'icmp',
      count: list.length,
      timeoutMs: 1000,
      ...more,
    },
    attempts: list.map((one): Attempt => ({ outcome: one })),
  };
};

const endpoint = (cluster: FlannelCluster, word: string): Endpoint => {
  const pod = cluster.facts.pods.find(({ name }) => name === word);
  const service = cluster.facts.services.find(({ name }) => name === word);
  const base = { word, label: word, backends: [], ports: [] };
  if (pod) return { ...base, kind: 'pod', label: `default/${word}`, ips: pod.ips, pod };
  if (!service) return { ...base, kind: 'external', ips: [word] };
  const names = cluster.facts.endpoints.filter((one) => one.service.name === word).map((one) => one.pod?.name);
  return { ...base, kind: 'service', ips: service.clusterIps, service, backends: cluster.facts.pods.filter(({ name }) => names.includes(name)) };
};

/** As nft drops what is forwarded: the first attempt of the main probe, on the way there, on node2. */
export const drop = (cluster: FlannelCluster, more: Partial<Drop> = {}): Drop => ({
  node: 'node2',
  netns: cluster.host('node2').inode,
  interface: 'flannel.1',
  direction: 'in',
  time: 1,
  probe: 'main',
  attempt: 0,
  what: 'request',
  packet: { source: '10.244.0.4', destination: '10.244.1.5', protocol: 'tcp', destinationPort: 8080, length: 60 },
  tunnelled: false,
  wireLength: 60,
  function: 'nft_do_chain',
  stack: ['nft_do_chain', 'nft_do_chain_ipv4', 'nf_hook_slow', 'ip_forward', '__netif_receive_skb_one_core', 'process_backlog'],
  ...more,
});

/** The same of all five attempts. */
export const drops = (cluster: FlannelCluster, more: Partial<Drop> = {}): Drop[] =>
  [0, 1, 2, 3, 4].map((attempt) => drop(cluster, { attempt, ...more }));
