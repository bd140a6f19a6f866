import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { objectReader } from '../../../src/cluster/api/object-reader.ts';
import type { ApiObject, ClusterFacts, Protocol } from '../../../src/cluster/facts.ts';
import { readCluster } from '../../../src/cluster/read/cluster.ts';
import { parseCilium } from '../../../src/node/parse/cilium.ts';
import { parseIptables } from '../../../src/node/parse/iptables.ts';
import { parseNft, withoutIptables } from '../../../src/node/parse/nft.ts';
import { parseOvnAcls, parseOvnFlows } from '../../../src/node/parse/ovn.ts';
import { parseOvs } from '../../../src/node/parse/ovs.ts';
import type { NodeSnapshot } from '../../../src/node/snapshot.ts';
import { emptyNetns } from '../forwarding/world.ts';

/** Nodes of real clusters as they were recorded, beside the project; absent in a plain checkout. */
const root = new URL('../../../../shared/recordings/', import.meta.url);

export const hasRecordings = (): boolean => existsSync(root);

const textOf = (path: string): string | undefined => {
  const file = new URL(path, root);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
};

interface List {
  items?: ApiObject[];
}

/** One List of everything, or one for each kind. */
const objectsOf = (name: string): ApiObject[] => {
  const api = JSON.parse(textOf(`${name}/api.json`) ?? '{}') as List & Record<string, List>;
  const lists = api.items ? [api] : Object.values(api);
  return lists.flatMap(({ items = [] }) => items);
};

/** A connection that was really tried, and what became of it. */
export interface Tried {
  src: string;
  src_ip: string;
  dst: string;
  dst_ip: string;
  proto: Protocol;
  port: number;
  result: string;
}

export interface RecordedCluster {
  facts: ClusterFacts;
  tried: Tried[];
  /** By node, after the probes and before them. */
  nodes: Map<string, { after: NodeSnapshot; before: NodeSnapshot }>;
}

/** Tables by name → one line each, as the programs print several with --format=json. */
const tablesOf = (text: string | undefined, ...names: string[]): string => {
  const tables = JSON.parse(text ?? '{}') as Record<string, unknown>;
  return names.map((name) => JSON.stringify(tables[name])).join('\n');
};

/** What of a node its policies are in. @param past `before/` or `.before`, for the reading before the probes */
const snapshotOf = (name: string, node: string, past: boolean): NodeSnapshot => {
  const read = (file: string): string | undefined => {
    const [stem, extension] = file.split('.');
    return (
      (past ? (textOf(`${name}/${node}/before/${file}`) ?? textOf(`${name}/${node}/${stem}.before.${extension}`)) : undefined) ??
      textOf(`${name}/${node}/${file}`)
    );
  };
  const iptables = parseIptables(read('iptables-save.txt') ?? '', 'nft', 4).value;
  const host = emptyNetns('1', 'host');
  const flows = read('ovs-ofctl-dump-flows-br-int.txt');
  const ovs = textOf(`${name}/${node}/ovs-vsctl.json`);
  const metrics = read('bpf-metrics.json');
  return {
    node,
    clock: 0,
    kernel: '',
    namespaces: [{ ...host, netfilter: { iptables, nft: withoutIptables(parseNft(read('nft.json') ?? '').value, iptables), ipsets: [] } }],
    problems: [],
    files: {},
    daemons: {},
    health: {},
    ...(ovs ? { ovs: parseOvs(tablesOf(ovs, 'Bridge', 'Port', 'Interface')).value } : {}),
    ...(flows
      ? { ovn: { ...parseOvnAcls(tablesOf(textOf(`${name}/${node}/ovn-nbctl.json`), 'ACL', 'Port_Group')).value, ...parseOvnFlows(flows).value } }
      : {}),
    ...(metrics
      ? {
          cilium: {
            metrics: parseCilium.metrics(metrics).value,
            policy: parseCilium.policy(read('bpf-policy.json') ?? '').value,
            endpoints: parseCilium.endpoints(textOf(`${name}/${node}/cilium-endpoint-list.json`) ?? '').value,
            identities: parseCilium.identities(textOf(`${name}/${node}/cilium-identity-list.json`) ?? '').value,
          },
        }
      : {}),
  };
};

export const recordedCluster = async (name: string): Promise<RecordedCluster> => {
  const reader = objectReader(objectsOf(name), { source: name });
  const { facts } = await readCluster(reader, { nodes: 'all', serviceNamespaces: 'all', policies: 'all' });
  const nodes = readdirSync(new URL(`${name}/`, root), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^(node|cn|kn|on)\d$/.test(entry.name))
    .map((entry) => entry.name);
  return {
    facts,
    tried: JSON.parse(textOf(`${name}/truth.json`) ?? '[]') as Tried[],
    nodes: new Map(nodes.map((node) => [node, { after: snapshotOf(name, node, false), before: snapshotOf(name, node, true) }])),
  };
};
