import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { collectNode } from '../../../../src/node/collect.ts';
import type { OvsPortCounters } from '../../../../src/node/dataplane-state.ts';
import { parseCollection } from '../../../../src/node/parse-collection.ts';
import type { NodeSnapshot } from '../../../../src/node/snapshot.ts';
import { agentOf } from './agent.ts';
import { switchedNode } from './switched-node.ts';

const NEEDED = ['ovsdb-server', 'ovs-vsctl', 'ethtool', 'ping'];

const possible =
  process.getuid?.() === 0 &&
  NEEDED.every((program) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0) &&
  spawnSync('unshare', ['-n', '-m', '-p', '-f', 'true']).status === 0;

(possible ? describe : describe.skip)('the collector on a node with Open vSwitch', function () {
  this.timeout(60_000);
  const dir = mkdtempSync(join(tmpdir(), 'netdoctor-test-'));
  let snapshot: NodeSnapshot;
  before(async () => {
    snapshot = parseCollection(await collectNode(agentOf(switchedNode, dir), { scope: 'full' }));
  });
  after(() => rmSync(dir, { recursive: true }));

  const countersOf = (bridge: string, port: string): OvsPortCounters | undefined =>
    snapshot.ovs?.bridges.find(({ name }) => name === bridge)?.ports.find(({ name }) => name === port)?.counters;

  it('has no problem', () => expect(snapshot.problems).to.deep.equal([]));

  it('knows what each port received and sent, and what it dropped', () => {
    expect(countersOf('br-int', 'veth1')?.rx).to.deep.include({ packets: 8, dropped: 0, errors: 0 });
    expect(countersOf('br-int', 'veth2')?.rx).to.deep.include({ packets: 3, dropped: 0, errors: 0 });
    expect(countersOf('br-int', 'br-int')?.tx.dropped).to.be.at.least(5);
  });

  it('reads a bridge that speaks one version of OpenFlow only', () => expect(countersOf('br-ex', 'to-int')?.rx.packets).to.be.a('number'));
});
