import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { V1ConfigMap } from '@kubernetes/client-node';
import { factsOf, type RawCluster } from '../../../src/cluster/read/objects.ts';
import type { Start } from '../../../src/forwarding/walk.ts';
import type { World } from '../../../src/forwarding/world.ts';
import { parseCollection } from '../../../src/node/parse-collection.ts';
import type { RawCollection, RawSection } from '../../../src/node/raw.ts';
import type { Truth } from './recordings.ts';

/** Where recordings of real nodes lie beside the project, one folder per scenario; tests that need them are skipped without. */
const ROOT = join(import.meta.dirname, '../../../../shared/recordings');

/** `calico/healthy`, … of every scenario with connections that were really tried. */
export const scenarios = (): string[] =>
  existsSync(ROOT)
    ? readdirSync(ROOT)
        .filter((plugin) => statSync(join(ROOT, plugin)).isDirectory())
        .flatMap((plugin) => readdirSync(join(ROOT, plugin)).map((name) => `${plugin}/${name}`))
        .filter((name) => existsSync(join(ROOT, name, 'truth.json')))
    : [];

export interface RealWorld extends World {
  truth: Truth[];
}

type Item = Record<string, unknown> & { kind?: string; metadata?: { name?: string; namespace?: string; uid?: string } };

const read = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
const json = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;

/** Either one list of all kinds, or a list by kind. */
const objectsOf = (folder: string): RawCluster => {
  const api = json<Record<string, unknown>>(join(folder, 'api.json'));
  const lists = (Array.isArray(api.items) ? [api] : Object.values(api)) as { items?: Item[] }[];
  const items = lists.flatMap((list) => list.items ?? []);
  const ciliumConfig = join(folder, 'configmap-cilium-config.json');
  const of = <T>(kind: string, plural: string): T[] => {
    const own = (api[plural] as { items?: T[] } | undefined)?.items;
    return own ?? (items.filter((item) => item.kind === kind) as T[]);
  };
  return {
    nodes: of('Node', 'nodes'),
    pods: of('Pod', 'pods'),
    services: of('Service', 'services'),
    endpointSlices: of('EndpointSlice', 'endpointslices'),
    configMaps: existsSync(ciliumConfig) ? [json<V1ConfigMap>(ciliumConfig)] : [],
    daemonSets: of('DaemonSet', 'daemonsets'),
    notRead: [],
  };
};

/** `net.ipv4.conf.vxlan/calico.rp_filter = 0` as sysctl(8) prints it → the line grep would have printed. */
const sysctlLine = (line: string): string => {
  const [name = '', value = ''] = line.split(' = ');
  return `/proc/sys/${[...name].map((char) => (char === '.' ? '/' : char === '/' ? '.' : char)).join('')}:${value}`;
};

/** What `ip -d link` and `ip addr` said, as the one answer the collector asks for. */
const linksOf = (folder: string): string => {
  const links = json<Item[]>(join(folder, 'ip-link.json'));
  const addresses = json<(Item & { addr_info?: unknown })[]>(join(folder, 'ip-addr.json'));
  return JSON.stringify(links.map((link) => ({ ...link, addr_info: addresses.find(({ ifindex }) => ifindex === link.ifindex)?.addr_info })));
};

const filesOf: Record<string, string[]> = {
  'routes-4': ['ip-route.json'],
  'routes-6': ['ip6-route.json'],
  'rules-4': ['ip-rule.json'],
  'neighbours-4': ['ip-neigh.json'],
  fdb: ['bridge-fdb.json'],
  'iptables-nft-4': ['iptables-save.txt'],
  'iptables-nft-6': ['ip6tables-save.txt'],
  'iptables-legacy-4': ['iptables-legacy-save.txt'],
  nft: ['nft.json'],
  ipset: ['ipset.txt'],
  sockets: ['ss-listen.txt', 'ss.txt'],
};

/** Filters of each device, behind the qdisc line that the collector asks for as well. */
const filtersOf = (folder: string, side: string): { devices: string; filters: string } => {
  const found = readdirSync(folder).flatMap((file) => {
    const device = new RegExp(`^tc-filter-(.+)-${side}\\.txt$`).exec(file)?.[1];
    return device === undefined ? [] : [{ device, text: read(join(folder, file)) ?? '' }];
  });
  return {
    devices: found.map(({ device }) => `ingress ${device}`).join('\n'),
    filters: found.map(({ text }) => `qdisc ingress ffff: parent ffff:fff1 ----------------\n${text}`).join('\n'),
  };
};

/** `nft list tables`, which the collector asks for first. */
const tablesOf = (folder: string): string | undefined => {
  const text = read(join(folder, 'nft.json'));
  if (text === undefined) return undefined;
  const { nftables } = JSON.parse(text) as { nftables: { table?: { family: string; name: string } }[] };
  return nftables.flatMap(({ table }) => (table ? `table ${table.family} ${table.name}` : [])).join('\n');
};

/** Programs end their last line. */
const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

const sectionsOf = (folder: string, netns: string): RawSection[] => {
  const section = (name: string, text: string | undefined): RawSection[] =>
    text === undefined ? [] : [{ name, netns, tool: 'image', status: 0, text: ended(text), stderr: '' }];
  const { devices, filters } = filtersOf(folder, 'ingress');
  return [
    ...section('links', linksOf(folder)),
    ...Object.entries(filesOf).flatMap(([name, files]) =>
      section(
        name,
        files.map((file) => read(join(folder, file))).find((text) => text !== undefined),
      ),
    ),
    ...section('nft-tables', tablesOf(folder)),
    ...section(
      'sysctls',
      read(join(folder, 'sysctl.txt'))
        ?.split('\n')
        .filter((line) => line.includes(' = '))
        .map(sysctlLine)
        .join('\n'),
    ),
    ...(devices === '' ? [] : [...section('tc-devices', devices), ...section('tc-ingress', filters)]),
    ...section('nsids', read(join(folder, 'ip-netns-list-id.txt'))),
  ];
};

interface Place {
  folder: string;
  inode: string;
  uid?: string;
  name?: string;
}

/** Folder `ns_pod` or `pod`. */
const podNamed = (folder: string, pods: Item[]): string | undefined =>
  pods.find(({ metadata: { namespace, name } = {} }) => folder === `${namespace}_${name}` || folder === name)?.metadata?.uid;

const subfolders = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder).filter((name) => statSync(join(folder, name)).isDirectory() && existsSync(join(folder, name, 'ip-link.json')))
    : [];

/** A node's folder as the collection it would have been: its own namespace, its pods', and any other beside them. */
const collectionOf = (scenario: string, node: string, index: number, pods: Item[]): RawCollection => {
  const folder = join(ROOT, scenario, node);
  const inode = (at: number): string => `${4026530000 + index * 1000 + at}`;
  const podFolders = subfolders(join(folder, 'pods'));
  const places: Place[] = [
    { folder, inode: inode(0) },
    ...podFolders.map((name, at) => {
      const uid = podNamed(name, pods);
      const netns = read(join(folder, 'pods', name, 'netns.txt'))?.trim();
      return { folder: join(folder, 'pods', name), inode: inode(at + 1), ...(uid === undefined ? {} : { uid }), name: netns ?? name };
    }),
    ...subfolders(folder).map((name, at) => ({ folder: join(folder, name), inode: inode(500 + at), name })),
  ];
  const lines = [
    ...places.map(({ inode: own }, at) => `P ${own} ${at + 1}`),
    ...places.flatMap(({ inode: own, name }) => (name === undefined ? [] : [`N ${own} 1 /run/netns/${name}`])),
    ...places.flatMap(({ uid }, at) => (uid === undefined ? [] : [`C ${at + 1} ${uid}`])),
  ];
  const whole = (name: string, text: string | undefined): RawSection[] =>
    text === undefined ? [] : [{ name, tool: 'image', status: 0, text: ended(text), stderr: '' }];
  return {
    node,
    reach: 'node',
    sections: [
      ...whole('meta', `reach node\nclock 1795230334\nkernel 6.18.44\nhost ${inode(0)}\nown ${inode(0)}`),
      ...whole('processes', lines.filter((line) => line.startsWith('P')).join('\n')),
      ...whole('pins', lines.filter((line) => line.startsWith('N')).join('\n')),
      ...whole('claims', lines.filter((line) => line.startsWith('C')).join('\n')),
      ...whole('ovs', ovsOf(folder)),
      ...places.flatMap((place) => sectionsOf(place.folder, place.inode)),
    ],
  };
};

/** A dump of the whole database as the three lists the collector asks for. */
const ovsOf = (folder: string): string | undefined => {
  const text = read(join(folder, 'ovs-vsctl.json'));
  if (text === undefined) return undefined;
  const database = JSON.parse(text) as Record<string, unknown>;
  return ['Bridge', 'Port', 'Interface'].map((table) => JSON.stringify(database[table])).join('\n');
};

/** Everything that was recorded of one scenario, as the nodes' collectors would have said it. */
export interface RecordedScenario extends Pick<RealWorld, 'facts' | 'truth'> {
  collections: RawCollection[];
}

export const recordedScenario = (scenario: string): RecordedScenario => {
  const folder = join(ROOT, scenario);
  const raw = objectsOf(folder);
  const nodes = subfolders(folder).filter((name) => name !== 'ext' && name !== 'underlay');
  const collections = nodes.map((node, index) => collectionOf(scenario, node, index, raw.pods as unknown as Item[]));
  return { collections, facts: factsOf(raw), truth: json<Truth[]>(join(folder, 'truth.json')) };
};

export const worldOf = ({ collections, facts, truth }: RecordedScenario): RealWorld => ({
  snapshots: collections.map(parseCollection),
  facts,
  truth,
});

/** One scenario, read as its nodes would have been. */
export const realWorld = (scenario: string): RealWorld => worldOf(recordedScenario(scenario));

/** An address that cannot be used fails at once, one that nobody answers for after a while, and how soon depends on who waits. */
export const alike = (result: string): string => (['error', 'unreachable'].includes(result) ? 'timeout' : result);

/** The namespace a recorded connection was tried from: `node/name`, `namespace/pod`, or `pod/name`. A peer pod's processes live in its VM. */
export const startOfTruth = ({ snapshots, facts }: RealWorld, source: string): Start | undefined => {
  const [kind, name = ''] = source.split('/');
  const pod = facts.pods.find((one) => `${one.namespace}/${one.name}` === source || (kind === 'pod' && one.name === name));
  for (const snapshot of snapshots) {
    const netns = snapshot.namespaces.find(({ role, podUid, pinnedAt }) => {
      if (kind === 'node') return role === 'host' && snapshot.node === name;
      return name === 'peer' ? pinnedAt.includes('/run/netns/podns') : podUid !== undefined && podUid === pod?.uid;
    });
    if (netns) return { node: snapshot.node, netns: netns.inode };
  }
  return undefined;
};
