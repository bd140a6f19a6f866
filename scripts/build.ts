/** `make build`: build/main.cjs, the plugin as one file, and build/THIRD-PARTY, the licences of what is in it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.ts';
import { pinnedNode } from './pinned-node.ts';
import { thirdParty } from './third-party.ts';

const root = join(import.meta.dirname, '..');
process.chdir(root);

const { code, metafile } = await bundle('src/cli/main.ts');
mkdirSync('build', { recursive: true });
writeFileSync('build/main.cjs', code);
writeFileSync('build/THIRD-PARTY', thirdParty(metafile, root, pinnedNode().license));
process.stdout.write(`build/main.cjs  ${(code.length / 2 ** 20).toFixed(1)} MiB\n`);
