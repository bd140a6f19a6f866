import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type CollectRequest, collectNode } from '../../../../src/node/collect.ts';
import { parseCollection } from '../../../../src/node/parse-collection.ts';
import type { NodeSnapshot } from '../../../../src/node/snapshot.ts';
import { attachmentsOf } from '../../../../src/topology/attachments.ts';
import { duplicateAddresses } from '../../../../src/topology/duplicates.ts';
import { findByHostIface } from '../../../../src/topology/lookup.ts';
import { agentOf } from './agent.ts';
import { leakyNode } from './leaky-node.ts';

const POD = '0b5f3a51-7b3c-4c52-9c6e-2f1f6a1e5d01';

const possible =
  process.getuid?.() === 0 &&
  spawnSync('unshare', ['-n', '-m', '-p', '-f', 'sh', '-c', 'ip link add x type bridge && iptables-nft-save']).status === 0;

(possible ? describe : describe.skip)('the collector on a node with a leaked namespace', function () {
  this.timeout(60_000);
  const dir = mkdtempSync(join(tmpdir(), 'netdoctor-test-'));
  const read = async (request: CollectRequest): Promise<NodeSnapshot> => parseCollection(await collectNode(agentOf(leakyNode, dir), request));
  let full: NodeSnapshot;
  before(async () => {
    full = await read({ scope: 'full', pods: [POD] });
  });
  after(() => rmSync(dir, { recursive: true }));

  it('has no problem', () => expect(full.problems).to.deep.equal([]));

  it('knows pods by their /etc/hosts or their runtime record, and the namespace without a process by its file', () =>
    expect(
      full.namespaces.map(({ role, podUid, processes, pinnedAt, seen }) => ({ role, podUid, alive: processes > 0, pinnedAt, seen })),
    ).to.have.deep.members([
      { role: 'host', podUid: undefined, alive: true, pinnedAt: [], seen: undefined },
      { role: 'pod', podUid: POD, alive: true, pinnedAt: ['/run/docker/netns/ns1'], seen: undefined },
      { role: 'pod', podUid: '1c5f3a51-7b3c-4c52-9c6e-2f1f6a1e5d02', alive: true, pinnedAt: ['/run/docker/netns/ns2'], seen: 'listed' },
      { role: 'pod', podUid: '2c5f3a51-7b3c-4c52-9c6e-2f1f6a1e5d03', alive: false, pinnedAt: ['/run/netns/cni-vm'], seen: 'listed' },
      { role: 'other', podUid: undefined, alive: false, pinnedAt: ['/run/docker/netns/ns3'], seen: 'links' },
    ]));

  it('finds the pod on its bridge port, by both families', () => {
    const [attachment] = attachmentsOf(full, { podUid: POD });
    expect(attachment?.attached).to.deep.equal({ how: 'bridge', bridge: 'docker0', portState: 'forwarding' });
    expect(attachment?.peer?.name).to.equal('vethd1');
    expect(attachment?.interface.addresses).to.deep.equal(['10.233.14.145/25', 'fd00:14::11/64']);
  });

  it('finds who else has its address', () => {
    const [duplicate] = duplicateAddresses(full);
    expect(duplicate?.address).to.equal('10.233.14.145');
    // in the order of their inodes, which the kernel gives as it likes
    const holders = duplicate?.holders.map(({ hostInterface, processes }) => [hostInterface, processes > 0]).sort();
    expect(holders).to.deep.equal([
      ['vethd1', true],
      ['vethd3', false],
    ]);
  });

  it('knows whose end every host interface is', () =>
    expect(['vethd1', 'vethd2', 'vethd3'].map((name) => findByHostIface(full, name)?.podUid)).to.deep.equal([
      POD,
      '1c5f3a51-7b3c-4c52-9c6e-2f1f6a1e5d02',
      undefined,
    ]));

  it('reads the interfaces of all when asked', async () => {
    const snapshot = await read({ scope: 'attach', all: true });
    expect(snapshot.problems).to.deep.equal([]);
    expect(snapshot.namespaces.map(({ seen }) => seen)).to.deep.equal(['attach', 'links', 'links', 'links', 'links']);
    expect(attachmentsOf(snapshot, { podUid: POD })[0]?.peer?.name).to.equal('vethd1');
  });

  it('finds the namespace of an address', async () => {
    const snapshot = await read({ scope: 'attach', addresses: ['fd00:14::22'] });
    expect(
      snapshot.namespaces.find(
        ({ links, role }) => role === 'pod' && links.some(({ addresses }) => addresses.some(({ address }) => address === 'fd00:14::22')),
      )?.seen,
    ).to.equal('attach');
  });
});
