import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CliError, EXIT } from '../../cluster/errors.ts';
import type { ApiObject } from '../../cluster/facts.ts';
import { checkPolicies } from '../../policy/manifest/check.ts';
import { type Manifest, type ManifestFile, type ManifestProblem, parseManifests } from '../../policy/manifest/parse.ts';
import { placed } from '../../policy/manifest/place.ts';
import { checkShapes } from '../../policy/manifest/shape.ts';
import type { Context } from '../context.ts';
import { reasonOf } from '../file-reason.ts';

/** What `kubectl apply -f` takes of a directory. */
const MANIFEST = /\.(ya?ml|json)$/i;

const unreadable =
  (file: string) =>
  (error: unknown): never => {
    throw new CliError(`error: cannot read ${file}: ${reasonOf(error)}`, EXIT.usage, { cause: error });
  };

/** Files of a directory and of those in it, by name; hidden ones are somebody else's. */
const filesIn = async (directory: string): Promise<string[]> => {
  const entries = await readdir(directory, { withFileTypes: true }).catch(unreadable(directory));
  const found = await Promise.all(
    entries
      .filter(({ name }) => !name.startsWith('.'))
      .map(async (entry) => {
        const at = join(directory, entry.name);
        const isDirectory = entry.isSymbolicLink() ? (await stat(at).catch(unreadable(at))).isDirectory() : entry.isDirectory();
        if (isDirectory) return filesIn(at);
        return MANIFEST.test(entry.name) ? [at] : [];
      }),
  );
  return found.flat().sort();
};

const isDirectory = async (at: string): Promise<boolean> => (await stat(at).catch(unreadable(at))).isDirectory();

/** One file's text; `-` is standard input. */
export const readText = async (file: string, { stdin }: Pick<Context, 'stdin'>): Promise<ManifestFile> =>
  file === '-' ? { file: '(stdin)', text: await text(stdin) } : { file, text: await readFile(file, 'utf8').catch(unreadable(file)) };

/** Whether a word for --from means manifests: a directory, standard input, or a file that is called like one. */
export const meansManifests = async (from: string): Promise<boolean> => from === '-' || MANIFEST.test(from) || (await isDirectory(from));

/** `net.yaml:12: NetworkPolicy shop/web: spec.ingress[0].from: a list is expected` */
const problemLine = ({ file, line, object, field, reason }: ManifestProblem): string =>
  [`${file}:${line}`, ...[object, field, reason].filter((part) => part !== undefined)].join(': ');

/** @throws CliError with a line for each problem */
export const refuse = (what: string, problems: readonly ManifestProblem[]): void => {
  if (problems.length === 0) return;
  throw new CliError([`error: ${what}:`, ...problems.map(problemLine)].join('\n'), EXIT.usage);
};

/**
 * Manifests of files and directories, put into their namespaces.
 * @param namespace of objects that name none; undefined: it is not known yet, and they are left without one
 * @throws CliError naming file, line and field of all that is wrong
 */
export const readManifests = async (
  paths: readonly string[],
  namespace: string | undefined,
  context: Pick<Context, 'stdin'>,
): Promise<ApiObject[]> => {
  const names = await Promise.all(paths.map(async (path) => (path !== '-' && (await isDirectory(path)) ? filesIn(path) : [path])));
  const files = await Promise.all(names.flat().map((file) => readText(file, context)));
  if (files.length === 0) throw new CliError(`error: ${paths.join(', ')}: there is no .yaml, .yml or .json file`, EXIT.usage);
  const { manifests, problems } = parseManifests(files);
  const inPlace = manifests.map((one): Manifest => (namespace === undefined ? one : { ...one, object: placed(one.object, namespace) }));
  refuse('these manifests are not valid', [...problems, ...checkShapes(inPlace), ...checkPolicies(inPlace)]);
  return inPlace.map(({ object }) => object);
};
