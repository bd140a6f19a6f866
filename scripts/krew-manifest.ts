import { createHash } from 'node:crypto';
import { parseDocument } from 'yaml';

export interface Platform {
  selector: { matchLabels: { os: string; arch: string } };
  uri: string;
  sha256: string;
  bin: string;
}

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: {
    version: string;
    homepage: string;
    shortDescription: string;
    description: string;
    caveats: string;
    platforms: Platform[];
  };
}

export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** The last part of a platform's uri is the name of its archive. */
export const archiveName = ({ uri }: Platform): string => uri.slice(uri.lastIndexOf('/') + 1);

/** The manifest for the archives that `read` has: their true sums, no other platform, no remark about the template. */
export const renderManifest = (template: string, read: (archive: string) => Buffer | undefined): string => {
  const document = parseDocument(template);
  const { spec } = document.toJS() as Manifest;
  const made = spec.platforms.flatMap((platform) => {
    const archive = read(archiveName(platform));
    return archive ? [{ ...platform, sha256: sha256(archive) }] : [];
  });
  if (made.length === 0) throw new Error(`no archive of ${spec.version} that the manifest names: ${spec.platforms.map(archiveName).join(', ')}`);
  document.commentBefore = null;
  document.setIn(['spec', 'platforms'], made);
  return document.toString({ lineWidth: 0 });
};
