import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { recordingFromBytes } from '../../../src/bundle/file.ts';
import { bundleReader } from '../../../src/bundle/reader.ts';
import { replayDoors } from '../../../src/bundle/replay.ts';
import { runVeth } from '../../../src/doctor/run-veth.ts';
import { startStopwatch } from '../../../src/doctor/stopwatch.ts';
import type { VethReport } from '../../../src/report/report.ts';
import { EXPECTED } from '../../e2e/expected.ts';
import { bundles, replay } from './replay.ts';

const replayVeth = async (name: string): Promise<VethReport> => {
  const recording = await recordingFromBytes(readFileSync(join(bundles, `${name}.tgz`)));
  return runVeth(
    { words: [], namespace: 'demo', allNamespaces: true },
    {
      api: bundleReader(recording.api),
      open: replayDoors(recording),
      now: () => new Date(recording.meta.time),
      say: () => undefined,
      stopwatch: startStopwatch(),
    },
  );
};

describe('an incident recorded on the lab, judged again', () => {
  for (const name of ['healthy', 'healthy-service']) {
    it(`${name}: nothing is found`, async () => {
      const { findings, verdict, notChecked, disagreements } = await replay(name);
      expect({ findings, verdict, notChecked, disagreements }).to.deep.equal({ findings: [], verdict: 'healthy', notChecked: [], disagreements: [] });
    });
  }

  for (const [name, expected] of Object.entries(EXPECTED)) {
    it(`${name}: ${expected.code} first`, async () => {
      const { findings, disagreements } = await replay(name);
      const [first] = findings;
      expect(first?.code).to.match(new RegExp(`^(${expected.code})$`));
      expect(`${first?.place?.node ?? ''} ${first?.place?.interface ?? ''}`.trim()).to.match(new RegExp(`^${expected.place.trim()}`));
      expect(disagreements).to.deep.equal([]);
    });
  }

  it('duplicate-address: veth finds the leaked namespace, too', async () => {
    const { findings, rows } = await replayVeth('duplicate-address');
    expect(findings.map(({ code, place }) => `${code} ${place?.node} ${place?.interface}`)).to.deep.equal(['ND1101 node2 vethleaked']);
    expect(rows.filter(({ attachment }) => attachment).length).to.be.greaterThan(4);
  });

  it('healthy: veth finds nothing', async () => {
    expect((await replayVeth('healthy')).findings).to.deep.equal([]);
  });

  it('covers every recording there is', () => {
    const recorded = readdirSync(bundles).map((file) => file.replace('.tgz', ''));
    expect(recorded.sort()).to.deep.equal([...Object.keys(EXPECTED), 'healthy', 'healthy-service'].sort());
  });
});
