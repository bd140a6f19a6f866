import { expect } from 'chai';
import type { PodFacts } from '../../../src/cluster/facts.ts';
import { judgeVeth } from '../../../src/doctor/judge-veth.ts';
import { renderVeth } from '../../../src/report/veth.ts';

const pod = (name: string, more: Partial<PodFacts>): PodFacts => ({
  namespace: 'd',
  name,
  uid: name,
  node: 'n1',
  ips: [],
  hostNetwork: false,
  phase: 'Running',
  ready: true,
  deleting: false,
  labels: {},
  annotations: {},
  containers: [],
  ...more,
});

const { node: _unscheduled, ...pending } = pod('waiting', { phase: 'Pending' });

const judged = judgeVeth(
  {
    pods: [pod('on-host', { hostNetwork: true }), pod('done', { phase: 'Succeeded' }), pending, pod('afar', { node: 'n2' }), pod('gone', {})],
    facts: { pods: [], nodes: [], services: [], endpoints: [], configMaps: {}, notRead: [] },
    snapshots: [{ node: 'n1', clock: 0, kernel: '', namespaces: [], problems: [], files: {}, daemons: {}, health: {} }],
    closed: { n2: 'n2: the node is NotReady' },
    notChecked: [],
  },
  '2026-01-02T03:04:05Z',
);

describe('a pod that hangs nowhere', () => {
  const rows: [string, string][] = [
    ['on-host', "host network: the node's own interfaces"],
    ['done', 'finished (Succeeded): its network namespace is gone'],
    ['waiting', 'Pending: no node yet'],
    ['afar', 'not seen: n2: the node is NotReady'],
    ['gone', 'Running: no process of it on n1'],
  ];
  for (const [name, note] of rows) it(`${name}: ${note}`, () => expect(judged.rows.find((row) => row.pod === name)?.note).to.equal(note));

  it('has its row in the table, with a dash for what it has not', () => {
    const text = renderVeth(
      { ...judged, timings: {} },
      { columns: 0, colour: false, unicode: true },
      { wide: false, noHeaders: true, allNamespaces: false },
    );
    expect(text.split('\n').filter((line) => line !== '')).to.have.length(5);
    expect(text).to.match(/^done +n1 +- +- +- +- +- +- +finished \(Succeeded\)/m);
  });
});
