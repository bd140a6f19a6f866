import { createRegistry, stopOnSignals } from '../cluster/agents/registry.ts';
import type { Context } from './context.ts';
import { errorText, run } from './run.ts';
import { writeAll } from './write.ts';

/** The process: words in, exit code out; whatever ends it, what it made in the cluster is removed. */
const main = async (): Promise<void> => {
  const { env, stdin, stdout, stderr } = process;
  const registry = createRegistry();
  const context: Context = { env, stdin, stdout, stderr, registry };
  stopOnSignals(process, { registry, stderr, exit: (code) => process.exit(code) });
  try {
    process.exitCode = await run(process.argv.slice(2), context);
  } catch (error) {
    await registry.stopAll();
    const { text, exitCode } = errorText(error);
    await writeAll(stderr, `${text}\n`);
    process.exitCode = exitCode;
  }
};

void main();
