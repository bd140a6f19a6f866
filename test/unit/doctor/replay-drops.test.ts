import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { DROP_TABLE } from '../../e2e/drop-table.ts';
import { replayPath } from './replay.ts';

const directory = join(import.meta.dirname, '../../fixtures/drops');

describe('a row of the drop table, judged again', () => {
  for (const { fault = '', code, place, kernel } of DROP_TABLE.filter(({ recorded }) => recorded)) {
    it(`${fault}: ${code}`, async () => {
      const { findings } = await replayPath(join(directory, `${fault}.tgz`));
      const [first] = findings;
      expect(first).to.include({ code, confidence: 'certain' });
      expect(`${first?.place?.node ?? ''} ${first?.place?.interface ?? ''}`.trim()).to.match(place['cross node'] ?? /$./);
      if (kernel) expect(first?.evidence.join('\n')).to.match(kernel);
    });
  }

  it('of a flannel that did not heed the other node: all there is to put right by hand, and why', async () => {
    const { findings } = await replayPath(join(directory, 'vtep-change-unheard.tgz'));
    const [first] = findings;
    expect(first?.fix.join('\n'))
      .to.match(/ip neigh replace \S+ dev flannel\.1 lladdr/)
      .and.match(/bridge fdb replace \S+ dev flannel\.1 dst/);
    expect(first?.notes.join('\n')).to.match(/^node1 holds what node2 announced before, for IPv4 alone/);
  });

  it('covers every recording there is', () => {
    const recorded = readdirSync(directory).map((file) => file.replace('.tgz', ''));
    expect(recorded.sort()).to.deep.equal(DROP_TABLE.flatMap(({ fault, recorded: kept }) => (kept && fault ? [fault] : [])).sort());
  });
});
