import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const agent = join(import.meta.dirname, '../../../images/agent');
const words = (file: string): string[] =>
  readFileSync(join(agent, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

describe('agent image', () => {
  it('has a name that every container runtime takes, and a tag', () => {
    const { name, tag } = JSON.parse(readFileSync(join(agent, 'image.json'), 'utf8')) as { name: string; tag: string };
    expect(name).to.match(/^[a-z0-9.-]+\.[a-z]+(\/[a-z0-9]+([._-][a-z0-9]+)*)+$/);
    expect(tag).to.match(/^[\w][\w.-]{0,127}$/);
  });

  for (const file of ['packages', 'left-out']) {
    it(`lists its ${file} once each and in order`, () => expect(words(file)).to.deep.equal([...new Set(words(file))].sort()));
  }
});
