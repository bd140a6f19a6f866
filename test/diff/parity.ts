import { gunzipSync } from 'node:zlib';
import { collectorScript } from '../../src/node/collector/script.ts';
import { parseCollection } from '../../src/node/parse-collection.ts';
import { readFrames } from '../../src/node/raw.ts';
import type { Netns, NodeSnapshot } from '../../src/node/snapshot.ts';
import type { Case } from './case.ts';
import type { Kernel } from './kernel.ts';
import { planOf, type Read } from './plan.ts';
import { spaceAt } from './predict.ts';
import { worldOf } from './world.ts';

const mark = '0123456789abcdef';

/** Runs on a node of the case in a pid and mount namespace of its own, so that the collector finds this node's namespaces and no others. */
const asNode = `
mount -t tmpfs tmpfs /run && mkdir /run/netns || exit 1
wanted=
while [ $# -gt 0 ]; do
  : >"/run/netns/$1"
  mount --bind "$2" "/run/netns/$1" || exit 1
  wanted="$wanted netns:$(stat -L -c %i "$2")"
  shift 2
done
mount -t proc proc /proc
sh -s -- start ${mark} 8388608 node full $wanted | base64 -w 0`;

const collectorRead = ({ spaces }: Case, node: string): Read => {
  const pods = spaces.flatMap((space) => (space.role === 'pod' && space.node === node ? [space.name, `@${space.name}@`] : []));
  const argv = ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', asNode, 'sh', ...pods];
  return { space: spaces.findIndex(({ name }) => name === node), name: 'collector', argv, stdin: collectorScript };
};

/**
 * Reads a case twice, once as all cases are read, once with the collector itself: what of a node the two do not agree on. The many are read
 * without the collector's shell, and this keeps both the same.
 */
export const parityOf = async (kernel: Kernel, subject: Case): Promise<string[]> => {
  const { id: _, ...plan } = planOf({ ...subject, probes: [] }, 0, 'hasty');
  const nodes = subject.spaces.flatMap(({ name, role }) => (role === 'host' ? name : []));
  const answer = await kernel.ask({ ...plan, reads: [...plan.reads, ...nodes.map((node) => collectorRead(subject, node))] });
  if (answer.error !== undefined) return [];
  const world = worldOf(subject, answer);
  const collected = answer.sections.filter(({ name }) => name === 'collector');
  return nodes.flatMap((node, at) => {
    const text = gunzipSync(Buffer.from(collected[at]?.text ?? '', 'base64')).toString();
    const real = parseCollection({ node, reach: 'node', sections: readFrames(text, mark) });
    const quick = world.snapshots.find((snapshot) => snapshot.node === node);
    return quick ? differences(quick, real).map((words) => `seed ${subject.seed} ${words}`) : [`seed ${subject.seed}: ${node} was not read`];
  });
};

const differences = (quick: NodeSnapshot, real: NodeSnapshot): string[] =>
  quick.namespaces.flatMap((netns) => {
    const other = real.namespaces.find(({ inode }) => inode === netns.inode);
    const name = spaceAt({ snapshots: [quick], facts: noFacts }, quick.node, netns.inode);
    if (!other) return [`${name}: the collector did not read it`];
    const [ours, theirs] = [comparable(netns), comparable(other)];
    return (Object.keys(ours) as (keyof typeof ours)[]).flatMap((part) => {
      const [a, b] = [ours[part], theirs[part]].map((value) => JSON.stringify(value));
      return a === b ? [] : [`${name} ${part}: ${firstDifference(a ?? '', b ?? '')}`];
    });
  });

const noFacts = { pods: [], nodes: [], services: [], endpoints: [], configMaps: {}, notRead: [] };

/** All that decides about packets, without counters, and without what each way of reading leaves out: the pods' FDB, ethtool, sockets. */
const comparable = ({ role, links, routes, rules, neighbours, fdb, netfilter, tc, sysctls, nsids }: Netns) => ({
  links: links.map(({ stats: _, ethtoolPeerIfindex: __, ...link }) => link),
  routes,
  rules,
  neighbours: neighbours.filter(({ state }) => state === 'PERMANENT'),
  // what a bridge learned depends on who spoke meanwhile
  fdb: role === 'host' ? fdb.filter(({ state }) => state !== '') : [],
  iptables: netfilter.iptables.map(({ chains, ...table }) => ({
    ...table,
    chains: chains.map(({ name, policy, rules: all }) => ({ name, policy, rules: all.map(({ text }) => text) })),
  })),
  nft: JSON.stringify(netfilter.nft).replace(/"counter":\{[^}]*\}/g, '"counter":null'),
  ipsets: netfilter.ipsets,
  filters: tc.filters,
  sysctls,
  nsids,
});

const firstDifference = (a: string, b: string): string => {
  const at = [...a].findIndex((letter, index) => letter !== b[index]);
  const from = Math.max(0, (at < 0 ? a.length : at) - 60);
  return `…${a.slice(from, from + 160)}… but the collector: …${b.slice(from, from + 160)}…`;
};
