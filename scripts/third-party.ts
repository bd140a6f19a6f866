import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly text: string;
}

const packageDirectory = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;

/** The folders of the packages of which something reached the bundle. */
const bundledPackages = ({ outputs }: Metafile): string[] => {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const used = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => packageDirectory.exec(file)?.[0]);
  return [...new Set(used.filter((directory) => directory !== undefined))].sort();
};

const readPackage = (directory: string): Package => {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Omit<Package, 'text'>;
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  return { name, version, license, text: files.map((file) => readFileSync(join(directory, file), 'utf8').trim()).join('\n\n') };
};

const rule = '-'.repeat(100);

/** The licences of all code that is in the archive but not of this project. */
export const thirdParty = (metafile: Metafile, root: string, nodeLicense: string): string => {
  const packages = bundledPackages(metafile).map((directory) => readPackage(join(root, directory)));
  const unnamed = packages.filter(({ license }) => !license);
  if (unnamed.length > 0) throw new Error(`no licence known for ${unnamed.map(({ name }) => name).join(', ')}`);
  const entry = ({ name, version, license, text }: Package) =>
    `${rule}\n${name} ${version} (${license})\n\n${text || 'The package carries no licence text of its own.'}\n`;
  return [
    'main.cjs contains code of these packages; node is Node.js. Their licences follow.\n',
    ...packages.map(entry),
    `${rule}\nNode.js\n\n${nodeLicense.trim()}\n`,
  ].join('\n');
};
