import type { Endpoint } from '../../../src/cluster/endpoint.ts';
import type { Protocol } from '../../../src/cluster/facts.ts';
import type { Evidence } from '../../../src/diagnosis/evidence.ts';
import { walk, walkBack } from '../../../src/forwarding/walk.ts';
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
