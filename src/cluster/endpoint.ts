import type { NodeFacts, PodFacts, Protocol, ServiceFacts } from './facts.ts';

/** What a word on the command line stood for, ready to be probed from or to. */
export interface Endpoint {
  /** As the user wrote it. */
  word: string;
  kind: 'pod' | 'node' | 'service' | 'external';
  /** `default/web-0`, `node1`, `svc default/web`, `10.1.1.7`: how reports name it. */
  label: string;
  /** Addresses a peer would use, primary first; never empty. */
  ips: string[];
  pod?: PodFacts;
  node?: NodeFacts;
  service?: ServiceFacts;
  /** Pods behind a Service, or the other replicas of a workload word. */
  backends: PodFacts[];
  /** Ports this endpoint is known to offer, in order of preference. */
  ports: EndpointPort[];
  /** How the word became this endpoint when it was not literal: "deploy/web has 3 pods, took web-5d…". */
  chosen?: string;
}

export interface EndpointPort {
  port: number;
  protocol: Protocol;
  name?: string;
}
