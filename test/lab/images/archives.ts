import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { step } from '../clock.ts';
import { lockFile, withLock } from '../lock.ts';
import type { Parts } from '../parts.ts';
import { imageContents } from './contents.ts';
import { writeOciArchive } from './oci-archive.ts';

const recipes = ['contents.ts', 'oci-archive.ts'];

/** Archives are made anew when a program in them or the way to make them changes. */
export const buildImages = async (parts: Parts): Promise<readonly string[]> => {
  const hash = createHash('sha256').update(parts.key);
  for (const recipe of recipes) hash.update(await readFile(join(import.meta.dirname, recipe)));
  const directory = join(parts.cache, `images-${hash.digest('hex').slice(0, 16)}`);
  await mkdir(directory, { recursive: true });
  return withLock(lockFile('build'), async () => {
    const archives: string[] = [];
    for (const content of imageContents(parts)) {
      const archive = join(directory, `${content.reference.replaceAll(/[/:]/g, '_')}.tar`);
      if (!existsSync(archive)) await step(`packed ${content.reference}`, () => writeOciArchive(content, archive));
      archives.push(archive);
    }
    return archives;
  });
};
