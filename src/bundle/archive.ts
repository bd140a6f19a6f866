import { Readable } from 'node:stream';
import { createGunzip, gzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';

/** Path in the archive → content. */
export type Files = Map<string, Buffer>;

/** A bundle is a few hundred KiB; one that unpacks to more than this is not ours, or is meant to fill the memory. */
const MOST_BYTES = 512 * 1024 * 1024;

/** Packs in path order with a fixed time, so that the same content gives the same bytes. */
export const packArchive = async (files: Files, time: Date): Promise<Buffer> => {
  const tar = pack();
  for (const [name, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) tar.entry({ name, mtime: time, mode: 0o600 }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks), { level: 9 });
};

/** @throws Error when the bytes are no gzipped tar, or unpack to more than is plausible. */
export const unpackArchive = async (bytes: Buffer): Promise<Files> => {
  const files: Files = new Map();
  let total = 0;
  const untar = extract();
  const unzip = Readable.from([bytes]).pipe(createGunzip());
  unzip.on('error', (error) => untar.destroy(error));
  unzip.pipe(untar);
  for await (const entry of untar) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) {
      total += (chunk as Buffer).length;
      if (total > MOST_BYTES) throw new Error(`it unpacks to more than ${MOST_BYTES} bytes`);
      chunks.push(chunk as Buffer);
    }
    if (entry.header.type === 'file') files.set(entry.header.name, Buffer.concat(chunks));
  }
  return files;
};
