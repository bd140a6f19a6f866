import type { ClusterFacts, PodFacts } from '../../src/cluster/facts.ts';
import type { World } from '../../src/forwarding/world.ts';
import { parseCollection } from '../../src/node/parse-collection.ts';
import type { RawCollection, RawSection } from '../../src/node/raw.ts';
import type { Case, Space } from './case.ts';
import { openPorts } from './generate/services.ts';
import type { Answer, Section } from './kernel.ts';

/** The sections of a case as the collector would have sent them, node by node. */
export const collectionsOf = ({ spaces }: Case, { inodes, sections }: Pick<Answer, 'inodes' | 'sections'>): RawCollection[] =>
  spaces
    .filter(({ role }) => role === 'host')
    .map(({ name: node }): RawCollection => {
      const inodeOf = (space: Space): string => inodes[spaces.indexOf(space)] ?? '';
      const own = spaces.filter((space) => space.role !== 'outside' && space.node === node);
      const host = own.flatMap((space) => (space.role === 'host' ? inodeOf(space) : []))[0] ?? '';
      const pods = own.filter(({ role }) => role === 'pod');
      const lines = (name: string, texts: string[]): RawSection => ({ name, tool: 'image', status: 0, text: linesOf(texts), stderr: '' });
      return {
        node,
        reach: 'node',
        sections: [
          lines('meta', ['reach node', 'clock 0', 'kernel test', `host ${host}`, `own ${host}`]),
          lines('processes', [`P ${host} 1`]),
          lines(
            'pins',
            pods.map((pod) => `N ${inodeOf(pod)} 1 /run/netns/${pod.name}`),
          ),
          lines(
            'claims',
            pods.map((pod) => `S ${inodeOf(pod)} ${uidOf(pod.name)}`),
          ),
          ...own.map((space) => sockets(inodeOf(space))),
          ...own.flatMap((space) =>
            rawSections(
              sections.filter((section) => spaces[section.space] === space),
              inodeOf(space),
            ),
          ),
        ],
      };
    });

const linesOf = (lines: string[]): string => lines.map((line) => `${line}\n`).join('');

const rawSections = (sections: Section[], netns: string): RawSection[] => {
  const raw = sections.flatMap((section) => rawSection(section, netns));
  return raw.some(({ name, text }) => name === 'inet-6' && text.includes('"priority"')) ? raw : [...raw, untouchedRules(netns)];
};

/** `ss -Hltun` of a space where the probes' responder runs. */
const sockets = (netns: string): RawSection => {
  const lines = [
    ...openPorts.tcp.map((port) => `tcp   LISTEN 0      256                *:${port}             *:*`),
    ...openPorts.udp.map((port) => `udp   UNCONN 0      0                  *:${port}             *:*`),
  ];
  return { name: 'sockets', netns, tool: 'image', status: 0, text: linesOf(lines), stderr: '' };
};

/** `ip -6 -d -j rule show` where nobody ever changed one: too many to ask for each. */
const untouchedRules = (netns: string): RawSection => {
  const rules = [
    { priority: 0, src: 'all', table: 'local', protocol: 'kernel' },
    { priority: 32766, src: 'all', table: 'main', protocol: 'kernel' },
  ];
  return { name: 'inet-6', netns, tool: 'image', status: 0, text: JSON.stringify(rules), stderr: '' };
};

const rawSection = ({ name, status, text, stderr = '' }: Section, netns: string): RawSection[] => {
  const section = { netns, tool: 'image', status, stderr } as const;
  if (name === 'ip-6') return [{ ...section, name: 'inet-6', text }];
  if (name === 'nfqueue') return [{ ...section, name, text: text.replaceAll(/^[^:]*:/gm, '') }];
  if (name !== 'ip') return [{ ...section, name, text }];
  const [addresses = '[]', routes = '[]', neighbours = '[]', proxies = '[]', rules = '[]'] = text.split('\n');
  const both = [routes, neighbours, proxies].map((json) => JSON.parse(json) as Dumped[]);
  const of = (family: 4 | 6): string[] => both.map((records) => JSON.stringify(records.filter((record) => familyOf(record) === family)));
  return [
    { ...section, name: 'links', text: addresses },
    { ...section, name: 'inet-4', text: [...of(4), rules].join('\n') },
    { ...section, name: 'inet-6', text: of(6).join('\n') },
  ];
};

interface Dumped {
  dst?: string;
  pref?: string;
}

/** Of a route or a neighbour; only IPv6 has a preference to say of a default route. */
const familyOf = ({ dst = '', pref }: Dumped): 4 | 6 => (dst.includes(':') || pref !== undefined ? 6 : 4);

/** What the model is given: snapshots through the project's own parsers, and the pods' names. */
export const worldOf = (subject: Case, answer: Pick<Answer, 'inodes' | 'sections'>): World => ({
  snapshots: collectionsOf(subject, answer).map(parseCollection),
  facts: factsOf(subject),
});

const uidOf = (name: string): string => `00000000-0000-4000-8000-${Buffer.from(name).toString('hex').padStart(12, '0')}`;

export const factsOf = ({ spaces }: Case): ClusterFacts => ({
  pods: spaces.flatMap((space) => (space.role === 'pod' ? podFacts(space.name, space.node) : [])),
  nodes: [],
  services: [],
  endpoints: [],
  configMaps: {},
  notRead: [],
});

const podFacts = (name: string, node: string): PodFacts => ({
  namespace: 'default',
  name,
  uid: uidOf(name),
  node,
  ips: [],
  hostNetwork: false,
  phase: 'Running',
  ready: true,
  deleting: false,
  labels: {},
  annotations: {},
  containers: [],
});
