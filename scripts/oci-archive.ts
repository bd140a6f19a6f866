/**
 * Packs a root file system into an archive that containerd, CRI-O, Podman, skopeo (OCI layout) and Docker (manifest.json) load:
 * oci-archive.ts ROOT ARCH ARCHIVE. The same tree gives the same bytes.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

type Descriptor = { mediaType: string; digest: string; size: number };

const [root, architecture, archive] = process.argv.slice(2);
if (!root || !architecture || !archive) throw new Error('usage: oci-archive.ts ROOT ARCH ARCHIVE');

const image: { name: string; tag: string } = JSON.parse(readFileSync(join(import.meta.dirname, '../images/agent/image.json'), 'utf8'));
const reference = `${image.name}:${image.tag}`;
const layout = `${archive}.layout`;
const blobs = join(layout, 'blobs/sha256');

/** The newest file of a package dates everything, so that a build on another day is no other image. */
const newest = (directory: string): Date => {
  const times = execFileSync('find', [directory, '-type', 'f', '-path', '*/usr/bin/*', '-printf', '%T@\n'], { encoding: 'utf8' }).split('\n');
  return new Date(1000 * Math.max(...times.map((time) => Math.floor(Number(time)))));
};

const tarOptions = (date: Date) => ['--sort=name', `--mtime=${date.toISOString()}`, '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

const hashing = (hash: Hash): PassThrough => {
  const through = new PassThrough();
  through.on('data', (chunk: Buffer) => hash.update(chunk));
  return through;
};

const writeBlob = (content: string, mediaType: string): Descriptor => {
  const hash = createHash('sha256').update(content).digest('hex');
  writeFileSync(join(blobs, hash), content);
  return { mediaType, digest: `sha256:${hash}`, size: Buffer.byteLength(content) };
};

const writeLayer = async (date: Date): Promise<{ layer: Descriptor; diffId: string }> => {
  const plain = createHash('sha256');
  const packed = createHash('sha256');
  const unfinished = join(layout, 'layer');
  const tar = spawn('tar', ['-c', '-C', root, ...tarOptions(date), '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => tar.on('close', resolve));
  await pipeline(tar.stdout, hashing(plain), createGzip({ level: 9 }), hashing(packed), createWriteStream(unfinished));
  if ((await ended) !== 0) throw new Error(`tar could not read ${root}`);
  const digest = packed.digest('hex');
  const { size } = statSync(unfinished);
  renameSync(unfinished, join(blobs, digest));
  return {
    layer: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: `sha256:${digest}`, size },
    diffId: `sha256:${plain.digest('hex')}`,
  };
};

const labels = {
  'org.opencontainers.image.title': 'netdoctor agent',
  'org.opencontainers.image.description': 'Standard Linux networking tools that kubectl netdoctor runs on a node',
  'org.opencontainers.image.version': image.tag,
  'org.opencontainers.image.licenses': 'Each package has its own: see /usr/share/doc/*/copyright',
  'org.opencontainers.image.base.name': 'scratch',
};

rmSync(layout, { recursive: true, force: true });
mkdirSync(blobs, { recursive: true });
mkdirSync(dirname(archive), { recursive: true });

const created = newest(root);
const { layer, diffId } = await writeLayer(created);
const config = writeBlob(
  JSON.stringify({
    created: created.toISOString(),
    architecture,
    os: 'linux',
    config: { Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['/bin/sh'], Labels: labels },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created: created.toISOString(), created_by: 'images/agent/rootfs.sh' }],
  }),
  'application/vnd.oci.image.config.v1+json',
);
const manifest = writeBlob(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers: [layer],
    annotations: { ...labels, 'org.opencontainers.image.created': created.toISOString() },
  }),
  'application/vnd.oci.image.manifest.v1+json',
);

const named = { 'io.containerd.image.name': reference, 'org.opencontainers.image.ref.name': image.tag };
const index = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [{ ...manifest, platform: { os: 'linux', architecture }, annotations: named }],
};
const blobPath = ({ digest }: Descriptor) => `blobs/${digest.replace(':', '/')}`;
const dockerManifest = [{ Config: blobPath(config), RepoTags: [reference], Layers: [blobPath(layer)] }];

writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
writeFileSync(join(layout, 'manifest.json'), JSON.stringify(dockerManifest));

execFileSync('tar', [
  '-c',
  '-f',
  `${archive}.new`,
  '-C',
  layout,
  ...tarOptions(created),
  '--mode=u=rwX,go=rX',
  'blobs',
  'index.json',
  'manifest.json',
  'oci-layout',
]);
renameSync(`${archive}.new`, archive);
rmSync(layout, { recursive: true });

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
process.stdout.write(`${archive}  ${reference}  linux/${architecture}  ${mebibytes(statSync(archive).size)}\n`);
