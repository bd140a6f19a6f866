import { type Files, packArchive, unpackArchive } from './archive.ts';
import type { Recording } from './recording.ts';

const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, null, 1)}\n`);

/** Node names are DNS names, but the reader of an archive must not have to trust that. */
const safe = (name: string): string => name.replaceAll(/[^A-Za-z0-9.-]/g, '_');

/**
 * A recording as files a person can read with tar, jq and less: `meta.json`, `api.json`, one file per reading of a node, probe output and
 * captures beside it, and the report as it was printed then.
 */
export const recordingToBytes = (recording: Recording, report: unknown): Promise<Buffer> => {
  const { meta, api, doors, closed, collections, probes, taps, rules, drops } = recording;
  const files: Files = new Map([
    ['meta.json', json({ ...meta, doors, closed })],
    ['api.json', json(api)],
    ['report.json', json(report)],
  ]);
  for (const [index, collection] of collections.entries()) files.set(`nodes/${safe(collection.node)}/reading-${index}.json`, json(collection));
  for (const [index, record] of probes.entries()) files.set(`nodes/${safe(record.node)}/probes-${index}.json`, json(record));
  for (const [kind, raws] of Object.entries({ capture: taps, rules, drops })) {
    for (const [index, { output, ...raw }] of raws.entries()) {
      files.set(`nodes/${safe(raw.node)}/${kind}-${index}.json`, json(raw));
      files.set(`nodes/${safe(raw.node)}/${kind}-${index}.raw`, output);
    }
  }
  return packArchive(files, new Date(meta.time));
};

const parse = <T>(files: Files, name: string): T => {
  const content = files.get(name);
  if (!content) throw new Error(`it has no ${name}`);
  try {
    return JSON.parse(content.toString('utf8')) as T;
  } catch {
    throw new Error(`its ${name} is not JSON`);
  }
};

/** Files of one kind in the order they were made. */
const numbered = (files: Files, kind: string): string[] => {
  const pattern = new RegExp(`/${kind}-(\\d+)\\.json$`);
  return [...files.keys()].filter((name) => pattern.test(name)).sort((a, b) => Number(pattern.exec(a)?.[1]) - Number(pattern.exec(b)?.[1]));
};

/** What came as bytes, beside what it was asked. */
const withOutput = <Raw extends { output: Buffer }>(files: Files, kind: string): Raw[] =>
  numbered(files, kind).map(
    (name) => ({ ...parse<Omit<Raw, 'output'>>(files, name), output: files.get(name.replace(/json$/, 'raw')) ?? Buffer.alloc(0) }) as Raw,
  );

/** @throws Error saying what is wrong with it, to be put after "FILE is not a netdoctor bundle: ". */
export const recordingFromBytes = async (bytes: Buffer): Promise<Recording> => {
  const files = await unpackArchive(bytes);
  const { doors, closed, ...meta } = parse<Recording['meta'] & Pick<Recording, 'doors' | 'closed'>>(files, 'meta.json');
  if (meta.format !== 1) throw new Error(`its format is ${meta.format}, this version reads format 1`);
  return {
    meta,
    doors,
    closed,
    api: parse(files, 'api.json'),
    collections: numbered(files, 'reading').map((name) => parse(files, name)),
    probes: numbered(files, 'probes').map((name) => parse(files, name)),
    taps: withOutput(files, 'capture'),
    rules: withOutput(files, 'rules'),
    drops: withOutput(files, 'drops'),
  };
};
