import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';

export interface Member {
  readonly name: string;
  readonly content: Buffer;
  readonly executable?: true;
}

/** A .tar.gz of regular files, as krew takes them; the same members give the same bytes. */
export const archive = (members: readonly Member[]): Promise<Buffer> => {
  const tar = pack();
  const sorted = members.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, content, executable } of sorted) tar.entry({ name, mode: executable ? 0o755 : 0o644, mtime: new Date(0) }, content);
  tar.finalize();
  return buffer(tar.pipe(createGzip({ level: 9 })));
};
