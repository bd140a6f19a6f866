import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { step } from '../clock.ts';
import { lockFile, withLock } from '../lock.ts';
import type { Enforcing } from '../options.ts';
import type { Parts } from '../parts.ts';
import { ciliumImages } from './cilium.ts';
import { imageContents } from './contents.ts';
import { felixImages } from './felix.ts';
import { type ImageContent, writeOciArchive } from './oci-archive.ts';

const recipes = ['contents.ts', 'fill.ts', 'oci-archive.ts'];

/** Archives are made anew when a program in them or the way to make them changes. */
const directoryFor = async (parts: Parts, name: string, key: string, more: readonly string[] = []): Promise<string> => {
  const hash = createHash('sha256').update(key);
  for (const recipe of [...recipes, ...more]) hash.update(await readFile(join(import.meta.dirname, recipe)));
  const directory = join(parts.cache, `${name}-${hash.digest('hex').slice(0, 16)}`);
  await mkdir(directory, { recursive: true });
  return directory;
};

const pack = async (contents: readonly ImageContent[], directory: string): Promise<readonly string[]> => {
  const archives: string[] = [];
  for (const content of contents) {
    const archive = join(directory, `${content.reference.replaceAll(/[/:]/g, '_')}.tar`);
    if (!existsSync(archive)) await step(`packed ${content.reference}`, () => writeOciArchive(content, archive));
    archives.push(archive);
  }
  return archives;
};

/** What a lab needs beside the images that all have. */
const own: Readonly<Record<Enforcing, { readonly recipe: string; readonly contents: (parts: Parts) => Promise<readonly ImageContent[]> }>> = {
  felix: { recipe: 'felix.ts', contents: felixImages },
  cilium: { recipe: 'cilium.ts', contents: ciliumImages },
};

export const buildImages = async (parts: Parts): Promise<readonly string[]> => {
  const common = await directoryFor(parts, 'images', parts.key);
  const mine = parts.own && own[parts.own.backend];
  return withLock(lockFile('build'), async () => [
    ...(await pack(imageContents(parts), common)),
    ...(parts.own && mine
      ? await pack(await mine.contents(parts), await directoryFor(parts, `images-${parts.own.backend}`, parts.own.key, [mine.recipe]))
      : []),
  ]);
};
