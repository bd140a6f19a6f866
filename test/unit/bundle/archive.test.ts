import { expect } from 'chai';
import fc from 'fast-check';
import { packArchive, unpackArchive } from '../../../src/bundle/archive.ts';

const time = new Date('2026-01-02T03:04:05Z');

const failure = async (work: Promise<unknown>): Promise<unknown> => work.then(() => undefined).catch((error: unknown) => error);

describe('the archive of a bundle', () => {
  it('gives back what went in', () =>
    fc.assert(
      fc.asyncProperty(fc.dictionary(fc.stringMatching(/^[a-z0-9/]{1,20}[a-z0-9]$/), fc.uint8Array({ maxLength: 2000 })), async (content) => {
        const files = new Map(Object.entries(content).map(([name, bytes]) => [name, Buffer.from(bytes)]));
        const back = await unpackArchive(await packArchive(files, time));
        expect([...back].sort()).to.deep.equal([...files].sort());
      }),
      { numRuns: 30 },
    ));

  it('is the same bytes for the same content, whatever the order', async () => {
    const one = await packArchive(
      new Map([
        ['b', Buffer.from('2')],
        ['a', Buffer.from('1')],
      ]),
      time,
    );
    const two = await packArchive(
      new Map([
        ['a', Buffer.from('1')],
        ['b', Buffer.from('2')],
      ]),
      time,
    );
    expect(one.equals(two)).to.equal(true);
  });

  it('refuses what is no archive', async () => {
    expect(await failure(unpackArchive(Buffer.from('hello')))).to.be.instanceOf(Error);
  });

  it('refuses an archive that was cut off', async () => {
    const whole = await packArchive(new Map([['a', Buffer.alloc(5000, 'x')]]), time);
    expect(await failure(unpackArchive(whole.subarray(0, whole.length - 20)))).to.be.instanceOf(Error);
  });
});
