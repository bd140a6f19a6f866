import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { expect } from 'chai';
import { extract, type Header } from 'tar-stream';
import { archive, type Member } from '../../../scripts/archive.ts';

const members: Member[] = [
  { name: 'node', content: Buffer.from('#!'), executable: true },
  { name: 'LICENSE', content: Buffer.from('Apache') },
];

const unpack = async (packed: Buffer): Promise<{ header: Header; content: string }[]> => {
  const entries = Readable.from([packed]).pipe(createGunzip()).pipe(extract());
  const unpacked: { header: Header; content: string }[] = [];
  for await (const entry of entries) unpacked.push({ header: entry.header, content: (await buffer(entry)).toString() });
  return unpacked;
};

describe('archive', () => {
  it('holds regular files by plain names, as krew unpacks nothing else', async () => {
    const unpacked = await unpack(await archive(members));
    expect(unpacked.map(({ header: { name, type, mode }, content }) => ({ name, type, mode, content }))).to.deep.equal([
      { name: 'LICENSE', type: 'file', mode: 0o644, content: 'Apache' },
      { name: 'node', type: 'file', mode: 0o755, content: '#!' },
    ]);
  });

  it('says nothing of the machine that made it', async () => {
    for (const { header } of await unpack(await archive(members))) expect(header).to.include({ uid: 0, gid: 0, uname: '', gname: '' });
  });

  it('is the same for the same members in any order', async () => {
    expect(await archive(members.toReversed())).to.deep.equal(await archive(members));
  });
});
