import { isBuiltin } from 'node:module';
import { build, type Metafile } from 'esbuild';

interface Bundle {
  /** The program as one CommonJS file. */
  readonly code: string;
  readonly metafile: Metafile;
}

// CommonJS has no import.meta, which some dependencies ask where they are
const here = "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;";

/** CommonJS rather than ESM because V8's code cache, which halves the start-up time, is only for scripts. */
export const bundle = async (entry: string): Promise<Bundle> => {
  const { outputFiles, metafile, warnings } = await build({
    entryPoints: [entry],
    outfile: 'main.cjs',
    write: false,
    metafile: true,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    charset: 'utf8',
    legalComments: 'none',
    // names stay, so that a stack trace in a bug report can be read
    minifyWhitespace: true,
    minifySyntax: true,
    banner: { js: here },
    define: {
      'import.meta.url': 'importMetaUrl',
      // ws would look for native helpers next to the bundle, which has none
      'process.env.WS_NO_BUFFER_UTIL': '"1"',
      'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
    },
  });
  if (warnings.length > 0) throw new Error(`${warnings.length} warnings from esbuild, see above`);
  const [output] = Object.values(metafile.outputs);
  const foreign = (output?.imports ?? []).map(({ path }) => path).filter((path) => !isBuiltin(path));
  if (foreign.length > 0) throw new Error(`the bundle would need these at run time: ${foreign.join(', ')}`);
  return { code: outputFiles[0]?.text ?? '', metafile };
};
