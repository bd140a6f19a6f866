import { globSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** The Node that npm's `node` package put in place: it builds, tests and is shipped, whatever Node the machine has. */
export const pinnedNode = (): { program: string; license: string } => {
  const [license] = globSync('node_modules/node/node_modules/node-*/LICENSE', { cwd: root });
  if (!license) throw new Error('no pinned Node here; run npm ci');
  return { program: realpathSync(join(root, 'node_modules/.bin/node')), license: readFileSync(join(root, license), 'utf8') };
};
