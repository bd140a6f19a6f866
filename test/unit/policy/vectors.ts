import { existsSync, readFileSync } from 'node:fs';
import type { ApiObject, ClusterFacts, PodFacts, Protocol } from '../../../src/cluster/facts.ts';

/** Verdicts that others published, beside the project; absent in a plain checkout. */
const vectorsFile = (suite: string): URL => new URL(`../../../../shared/vectors/networkpolicy/${suite}/cases.jsonl`, import.meta.url);

export const hasVectors = (suite: string): boolean => existsSync(vectorsFile(suite));

export const readVectors = <Case>(suite: string): Case[] =>
  readFileSync(vectorsFile(suite), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Case);

export interface VectorPod {
  namespace: string;
  name: string;
  labels: Record<string, string> | null;
  ip: string;
  ports: { name: string; port: number; protocol: string }[];
}

type Loose = { metadata: { name?: string; namespace?: string }; spec: unknown };

/** cyclonus' generator: matrices of verdicts, rows are sources, columns destinations. */
export interface CyclonusCase {
  id: number;
  description: string;
  steps: {
    namespaces: Record<string, Record<string, string>>;
    pods: VectorPod[];
    policies: Loose[] | null;
    order: string[];
    expected: { portProtocol: string; ingress: string[]; egress: string[]; combined: string[] }[];
  }[];
}

interface Exception {
  From: string;
  To: string;
  Port: number;
  Protocol: string;
}

/** policy-assistant's integration tests: a default, and what is not so. */
export interface AssistantCase {
  name: string;
  namespaces: Record<string, Record<string, string>>;
  pods: VectorPod[];
  networkPolicies: Loose[] | null;
  adminNetworkPolicies: Loose[] | null;
  baselineAdminNetworkPolicy: Loose | null;
  defaultIngress: 'allowed' | 'blocked';
  defaultEgress: 'allowed' | 'blocked';
  nonDefaultIngress: Exception[] | null;
  nonDefaultEgress: Exception[] | null;
}

const podFacts = ({ namespace, name, labels, ip, ports }: VectorPod): PodFacts => ({
  namespace,
  name,
  uid: `${namespace}/${name}`,
  ips: [ip],
  hostNetwork: false,
  phase: 'Running',
  ready: true,
  deleting: false,
  labels: labels ?? {},
  annotations: {},
  containers: [
    { name: 'main', ready: true, restarts: 0, ports: ports.map((port) => ({ ...port, protocol: port.protocol.toLowerCase() as Protocol })) },
  ],
});

export const factsOfVectors = (namespaces: Record<string, Record<string, string>>, pods: VectorPod[], objects: ApiObject[]): ClusterFacts => ({
  pods: pods.map(podFacts),
  nodes: [],
  services: [],
  endpoints: [],
  configMaps: {},
  policies: { namespaces: Object.entries(namespaces).map(([name, labels]) => ({ name, labels })), serviceAccounts: [], objects },
  notRead: [],
});

export const objectOf = (apiVersion: string, kind: string, { metadata, ...rest }: Loose, name = 'unnamed'): ApiObject => ({
  apiVersion,
  kind,
  metadata: { ...metadata, name: metadata.name ?? name },
  ...rest,
});
