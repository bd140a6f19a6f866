import { parseAllDocuments } from 'yaml';
import type { ApiObject, ClusterFacts, EndpointFacts, NodeFacts, PodFacts, Protocol, ServiceFacts } from '../../../src/cluster/facts.ts';
import { type Engine, engineOf, partyOfPod } from '../../../src/policy/engine.ts';
import { judge } from '../../../src/policy/judge.ts';
import type { Matrix } from '../../../src/policy/matrix/matrix.ts';
import { nodeParty, outside, type Party } from '../../../src/policy/party.ts';
import type { PortSet } from '../../../src/policy/port-set.ts';
import type { Verdict } from '../../../src/policy/verdict.ts';

/** `shop/web app=web tier=front :http=8080/tcp @node1 10.0.0.4` */
export const podOf = (text: string): PodFacts => {
  const words = text.split(' ');
  const [namespace = '', name = ''] = (words[0] ?? '').split('/');
  const labels = Object.fromEntries(words.flatMap((word) => (/^[^:@]+=/.test(word) ? [word.split('=') as [string, string]] : [])));
  const ports = words.flatMap((word) => {
    const [, port, number, protocol = 'tcp'] = /^:([a-z0-9-]+)=(\d+)(?:\/(\w+))?$/.exec(word) ?? [];
    return port === undefined ? [] : [{ name: port, port: Number(number), protocol: protocol as Protocol }];
  });
  const node = words.find((word) => word.startsWith('@'))?.slice(1);
  const account = words.find((word) => word.startsWith('~'))?.slice(1);
  return {
    namespace,
    name,
    uid: `uid-${namespace}-${name}`,
    ...(node === undefined ? {} : { node }),
    ips: words.filter((word) => /^[0-9a-f.:]+$/.test(word) && /[.:].*[.:]/.test(word)),
    hostNetwork: words.includes('hostNetwork'),
    phase: words.find((word) => /^(Running|Pending|Succeeded|Failed|Unknown)$/.test(word)) ?? 'Running',
    ready: true,
    deleting: false,
    labels,
    annotations: {},
    containers: [{ name: 'main', ready: true, restarts: 0, ports }],
    ...(account === undefined ? {} : { serviceAccount: account }),
  };
};

export const nodeOf = (name: string, ...ips: string[]): NodeFacts => ({
  name,
  ips,
  podCidrs: [],
  ready: true,
  os: 'linux',
  arch: 'amd64',
  kernel: '6.12.0',
  labels: { 'kubernetes.io/hostname': name },
  annotations: {},
  unschedulable: false,
  taints: [],
});

export const objectsIn = (yaml: string): ApiObject[] =>
  parseAllDocuments(yaml).flatMap((document): ApiObject[] => {
    const value = document.toJS() as ApiObject | null;
    return value ? [value] : [];
  });

export interface ClusterOf {
  pods: string[];
  /** `shop: team=a stage=prod` */
  namespaces?: string[];
  policies?: string;
  nodes?: NodeFacts[];
  services?: ServiceFacts[];
  endpoints?: EndpointFacts[];
  accounts?: { namespace: string; name: string; labels: Record<string, string> }[];
}

export const factsOf = ({ pods, namespaces = [], policies = '', nodes, services = [], endpoints = [], accounts = [] }: ClusterOf): ClusterFacts => ({
  pods: pods.map(podOf),
  nodes: nodes ?? [nodeOf('node1', '192.168.0.1'), nodeOf('node2', '192.168.0.2')],
  services,
  endpoints,
  configMaps: {},
  policies: {
    namespaces: namespaces.map((text) => {
      const [name = '', labels = ''] = text.split(': ');
      return { name, labels: Object.fromEntries(labels.split(' ').flatMap((word) => (word === '' ? [] : [word.split('=') as [string, string]]))) };
    }),
    serviceAccounts: accounts,
    objects: objectsIn(policies),
  },
  notRead: [],
});

/** The end a word stands for: `shop/web`, `node1`, an address. */
export const partyOf = (engine: Engine, word: string, address?: string): Party => {
  const pod = engine.world.pods.find(({ namespace, name }) => `${namespace}/${name}` === word);
  if (pod) return partyOfPod(engine, pod, address);
  const node = engine.world.nodeNamed(word);
  return node ? nodeParty(node, address) : outside(word);
};

export interface Ask {
  plugin?: string;
  hairpin?: boolean;
  /** Addresses of the two ends, when not their first ones. */
  addresses?: [string, string];
}

/** `shop/web → shop/db tcp 80` */
export const verdictOf = (facts: ClusterFacts | Engine, question: string, { plugin = 'antrea', hairpin, addresses }: Ask = {}): Verdict => {
  const engine = 'tiers' in facts ? facts : engineOf(facts, plugin === 'unknown' ? undefined : plugin);
  const [from = '', , to = '', protocol = 'tcp', port] = question.split(' ');
  return judge(engine, {
    from: partyOf(engine, from, addresses?.[0]),
    to: partyOf(engine, to, addresses?.[1]),
    protocol: protocol as Protocol,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(hairpin ? { hairpin } : {}),
  });
};

/** `allow`, or why not in the words of the misses. */
export const misses = (verdict: Verdict): string[] =>
  verdict.sides.flatMap(({ steps }) => steps.flatMap(({ why, policy }) => (why ? [`${policy.name}: ${why.text}`] : [])));

/** What may pass from one class of a matrix to another. */
export const cellOf = ({ classes, sets, cells }: Matrix, from: number, to: number): PortSet =>
  sets.setOf(cells[from * classes.length + to] as number);
