import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { ClusterFacts } from '../../../src/cluster/facts.ts';
import { factsOf, type RawCluster } from '../../../src/cluster/read/objects.ts';
import { checkProxy } from '../../../src/cni/kube-proxy/check.ts';
import type { ProxyFault } from '../../../src/cni/kube-proxy/compare.ts';
import { parseCollection } from '../../../src/node/parse-collection.ts';
import type { NodeSnapshot } from '../../../src/node/snapshot.ts';

/** What one node of a lab said, by collector section. */
export type NodeTexts = Record<string, string>;

export interface Proxied {
  facts: ClusterFacts;
  snapshots: NodeSnapshot[];
}

interface Recorded {
  api: Pick<RawCluster, 'services' | 'endpointSlices' | 'nodes'>;
  rules: Record<string, NodeTexts>;
}

const HOST = '4026531840';

const snapshotOf = (node: string, texts: NodeTexts): NodeSnapshot =>
  parseCollection({
    node,
    reach: 'node',
    sections: Object.entries({
      meta: `reach node\nclock 1795230334\nkernel 6.18.44\nhost ${HOST}\nown ${HOST}`,
      processes: `P ${HOST} 1`,
      ...texts,
    }).map(([name, text]) => ({
      name,
      ...(['meta', 'processes', 'health'].includes(name) ? {} : { netns: HOST }),
      tool: 'image' as const,
      status: 0,
      text: `${text}\n`,
      stderr: '',
    })),
  });

/** Services of every kind on a lab of two nodes, and what kube-proxy 1.36 wrote for them. `edit` changes a node's texts before they are read. */
export const proxied = (mode: 'iptables' | 'nftables', edit: (texts: NodeTexts) => NodeTexts = (texts) => texts): Proxied => {
  const file = new URL(`fixtures/services-${mode}.json.gz`, import.meta.url);
  const { api, rules } = JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as Recorded;
  return {
    facts: factsOf({ pods: [], configMaps: [], daemonSets: [], notRead: [], ...api }),
    snapshots: Object.entries(rules).map(([node, texts]) => snapshotOf(node, edit(texts))),
  };
};

/** What is wrong on a node, as `demo/web cluster IP 4 stale 10.244.1.3:8080`. */
export const wrongOn = ({ facts, snapshots }: Proxied, node: string): string[] => {
  const snapshot = snapshots.find((one) => one.node === node);
  if (!snapshot) return [`${node} is not there`];
  const check = checkProxy(snapshot, facts, true);
  if (check.skipped !== undefined) return [check.skipped];
  return facts.services.flatMap((service) => check.faultsOf(service).map((fault) => `${service.name} ${wordsOf(fault)}`));
};

const wordsOf = ({ kind, frontend, backends }: ProxyFault): string =>
  [frontend.kind, frontend.family, frontend.address ?? frontend.port, kind, ...backends].join(' ');
