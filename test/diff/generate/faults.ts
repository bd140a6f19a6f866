import { add, type Draft, macOf, type NodeDraft, tag } from './draft.ts';
import { outer, vtepMac } from './overlay.ts';
import { devicesOf, podOn } from './pool.ts';

type Fault = (draft: Draft, node: NodeDraft) => boolean;

/** Something that breaks the way: each says whether it found something to break. */
const faults: readonly (readonly [weight: number, name: string, fault: Fault])[] = [
  [
    2,
    'link down',
    (draft, node) => {
      add(draft, node.name, 'ip', `link set ${draft.random.pick(devicesOf(draft, node.name))} down`);
      return true;
    },
  ],
  [
    1,
    'pod link down',
    (draft) => {
      add(draft, draft.random.pick(draft.pods).name, 'ip', 'link set eth0 down');
      return true;
    },
  ],
  [
    2,
    'wrong neighbour',
    (draft, node) => {
      const pod = podOn(draft, node.name);
      const family = draft.random.pick(draft.families);
      const device = node.style === 'bridge' ? 'cni0' : pod.hostDevice;
      add(draft, node.name, 'ip', `neigh replace ${pod.address[family]} lladdr ${macOf(9, 9, 9)} dev ${device} nud permanent`);
      return pod.node === node;
    },
  ],
  [
    1,
    'wrong neighbour in pod',
    (draft) => {
      const pod = draft.random.pick(draft.pods);
      const family = draft.random.pick(draft.families);
      const line = draft.lines.find(
        ({ space, text }) => space === pod.name && text.startsWith('route add') && text.includes(' via ') && text.includes(':') === (family === 6),
      );
      const gateway = / via (\S+)/.exec(line?.text ?? '')?.[1];
      if (gateway === undefined) return false;
      add(draft, pod.name, 'ip', `neigh replace ${gateway} lladdr ${macOf(9, 9, 8)} dev eth0 nud permanent`);
      return true;
    },
  ],
  [
    2,
    'FDB entry missing',
    (draft, node) =>
      replaceLine(
        draft,
        node.name,
        (text) => text.startsWith('fdb append') && text.includes(' dst '),
        () => undefined,
      ),
  ],
  [
    1,
    'FDB entry wrong',
    (draft, node) => {
      const far = draft.random.pick(draft.nodes);
      return replaceLine(
        draft,
        node.name,
        (text) => text.startsWith('fdb append') && text.includes(' dst '),
        (text) => text.replace(/ dst \S+/, ` dst ${outer(draft, far)}`),
      );
    },
  ],
  [
    1,
    'FDB entry on wrong port',
    (draft, node) => {
      const here = draft.pods.filter((pod) => pod.node === node);
      const [one, other] = draft.random.some(here, 2);
      if (node.style !== 'bridge' || !one || !other) return false;
      add(draft, node.name, 'bridge', `fdb replace ${one.mac} dev ${other.hostDevice} master static`);
      return true;
    },
  ],
  [
    1,
    'VTEP address changed',
    (draft, node) => {
      if (node.vxlan === undefined) return false;
      add(draft, node.name, 'ip', `link set ${node.vxlan} address ${macOf(6, node.index, 99)}`);
      return true;
    },
  ],
  [
    1,
    'VNI differs',
    (draft, node) =>
      replaceLine(
        draft,
        node.name,
        (text) => text.includes('type vxlan'),
        (text) => text.replace(/ id \d+/, ' id 99'),
      ),
  ],
  [
    1,
    'VXLAN port differs',
    (draft, node) =>
      replaceLine(
        draft,
        node.name,
        (text) => text.includes('type vxlan'),
        (text) => text.replace(/ dstport \d+/, ' dstport 4790'),
      ),
  ],
  [
    0.7,
    'neighbour of VTEP missing',
    (draft, node) =>
      replaceLine(
        draft,
        node.name,
        (text) => text.startsWith('neigh add') && draft.nodes.some((far) => text.includes(vtepMac(far))),
        () => undefined,
      ),
  ],
  [
    2,
    'bridge port',
    (draft, node) => {
      const here = draft.pods.filter((pod) => pod.node === node);
      if (node.style !== 'bridge' || here.length === 0) return false;
      const setting = draft.random.pick([
        'isolated on',
        'state 4',
        'state 0',
        'state 1',
        'flood off',
        'learning off',
        'bcast_flood off',
        'mcast_flood off',
        'neigh_suppress on',
        'hairpin off',
      ]);
      for (const pod of setting === 'isolated on' ? here : [draft.random.pick(here)])
        add(draft, node.name, 'bridge', `link set dev ${pod.hostDevice} ${setting}`);
      return true;
    },
  ],
  [
    1.5,
    'MTU',
    (draft, node) => {
      tag(draft, 'large');
      const pod = draft.random.pick(draft.pods);
      const [space, device] = draft.random.pick([
        [node.name, draft.random.pick(devicesOf(draft, node.name))],
        [pod.name, 'eth0'],
      ] as const);
      add(draft, space, 'ip', `link set ${device} mtu ${draft.random.pick([1280, 1300, 1400, 1450, 1460])}`);
      return true;
    },
  ],
  [
    0.7,
    'pod address',
    (draft) => {
      const pod = draft.random.pick(draft.pods);
      return replaceLine(
        draft,
        pod.name,
        (text) => text.startsWith('addr add'),
        (text) => text.replace(/\/(24|64) /, (_, length) => (length === '24' ? '/16 ' : '/48 ')),
      );
    },
  ],
];

/** Changes, or drops, one line of the space. */
const replaceLine = (draft: Draft, space: string, isIt: (text: string) => boolean, change: (text: string) => string | undefined): boolean => {
  const found = draft.lines.filter((line) => line.space === space && isIt(line.text));
  if (found.length === 0) return false;
  const line = draft.random.pick(found);
  const text = change(line.text);
  if (text === undefined) draft.lines.splice(draft.lines.indexOf(line), 1);
  else line.text = text;
  return true;
};

export const fault = (draft: Draft): void => {
  const [name, breaks] = draft.random.weighted(faults.map(([weight, known, make]) => [weight, [known, make] as const] as const));
  if (breaks(draft, draft.random.pick(draft.nodes))) tag(draft, `fault ${name}`);
};
