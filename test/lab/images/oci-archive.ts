import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

export interface ImageContent {
  /** The name under which pods ask for it. */
  readonly reference: string;
  /** Fills an empty root directory. */
  readonly fill: (root: string) => Promise<void>;
  readonly entrypoint: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

const packDirectory = (directory: string, archive: string) =>
  execa('tar', [
    '--create',
    '--file',
    archive,
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mtime=@0',
    '--directory',
    directory,
    '.',
  ]);

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const addBlob = async (layout: string, mediaType: string, content: Buffer): Promise<Descriptor> => {
  const digest = createHash('sha256').update(content).digest('hex');
  await writeFile(join(layout, 'blobs/sha256', digest), content);
  return { mediaType: `application/vnd.oci.image.${mediaType}`, digest: `sha256:${digest}`, size: content.length };
};

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** One uncompressed layer: it is unpacked right beside where it was packed. */
const writeLayout = async (layout: string, layer: Buffer, { reference, entrypoint, environment = {} }: ImageContent): Promise<void> => {
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  const layerDescriptor = await addBlob(layout, 'layer.v1.tar', layer);
  const Env = Object.entries({ PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...environment }).map(
    ([name, value]) => `${name}=${value}`,
  );
  const config = await addBlob(
    layout,
    'config.v1+json',
    json({
      architecture: architectures[process.arch] ?? process.arch,
      os: 'linux',
      config: { Entrypoint: entrypoint, Env },
      rootfs: { type: 'layers', diff_ids: [layerDescriptor.digest] },
    }),
  );
  const manifest = await addBlob(
    layout,
    'manifest.v1+json',
    json({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers: [layerDescriptor] }),
  );
  await writeFile(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  const named = { ...manifest, annotations: { 'io.containerd.image.name': reference, 'org.opencontainers.image.ref.name': reference } };
  await writeFile(join(layout, 'index.json'), json({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [named] }));
};

export const writeOciArchive = async (content: ImageContent, archive: string): Promise<void> => {
  const scratch = await mkdtemp(join(tmpdir(), 'netdoctor-lab-image-'));
  try {
    const root = join(scratch, 'root');
    await mkdir(root);
    await content.fill(root);
    await packDirectory(root, join(scratch, 'layer.tar'));
    await writeLayout(join(scratch, 'layout'), await readFile(join(scratch, 'layer.tar')), content);
    await packDirectory(join(scratch, 'layout'), `${archive}.new`);
    await rename(`${archive}.new`, archive);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};
