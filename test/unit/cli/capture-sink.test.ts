import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openFileSink } from '../../../src/cli/capture-sink.ts';
import { CliError } from '../../../src/cluster/errors.ts';

describe('the file a capture goes into', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'nd-sink-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('holds what was written, in order, and each part is told when it is there', async () => {
    const file = join(folder, 'a');
    const sink = await openFileSink(file);
    const done: string[] = [];
    for (const part of ['one ', 'two ', 'three']) sink.write(Buffer.from(part), () => done.push(part));
    expect(sink.pending).to.equal(13);
    await sink.close();
    expect(readFileSync(file, 'utf8')).to.equal('one two three');
    expect(done).to.deep.equal(['one ', 'two ', 'three']);
    expect(sink.pending).to.equal(0);
  });

  it('is not there when nothing came of it', async () => {
    const file = join(folder, 'b');
    await (await openFileSink(file)).close();
    expect(existsSync(file)).to.equal(false);
  });

  it('keeps what it held before until there is something new', async () => {
    const file = join(folder, 'c');
    writeFileSync(file, 'an older and longer capture');
    await (await openFileSink(file)).close();
    expect(readFileSync(file, 'utf8')).to.equal('an older and longer capture');
    const sink = await openFileSink(file);
    sink.write(Buffer.from('new'));
    await sink.close();
    await sink.close();
    expect(readFileSync(file, 'utf8')).to.equal('new');
  });

  it('that cannot be made is wrong usage, said at once', async () => {
    const problem = await openFileSink(join(folder, 'no', 'such', 'place')).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(problem).to.be.instanceOf(CliError).and.include({ exitCode: 2 });
  });

  it('that is full says so, and takes nothing more', async function () {
    if (!existsSync('/dev/full')) this.skip();
    const sink = await openFileSink('/dev/full');
    let written = 0;
    sink.write(Buffer.from('x'), () => {
      written += 1;
    });
    sink.write(Buffer.from('y'), () => {
      written += 1;
    });
    expect(await sink.broken).to.deep.equal({ is: 'failed', reason: 'no space left on the device' });
    await sink.close();
    expect(written).to.equal(0);
  });
});
