import type { Canvas } from '../../report/canvas.ts';
import { renderJson, renderYaml } from '../../report/data.ts';
import type { Report } from '../../report/report.ts';
import type { OutputFlags } from '../connection-options.ts';
import type { Context, ExitCode } from '../context.ts';
import { canvasFor } from '../terminal.ts';
import { writeAll } from '../write.ts';

/** Prints a report in the form asked for; 1 when it names a problem. */
export const printReport = async <Kind extends Report>(
  report: Kind,
  flags: OutputFlags,
  context: Context,
  table: (report: Kind, canvas: Canvas) => string,
): Promise<ExitCode> => {
  const form = { json: renderJson, yaml: renderYaml };
  const text =
    flags.output === 'json' || flags.output === 'yaml'
      ? form[flags.output](report)
      : table(report, canvasFor(context.stdout, context.env, flags.color));
  await writeAll(context.stdout, text);
  if (flags.v > 0)
    await writeAll(
      context.stderr,
      `${Object.entries(report.timings)
        .map(([step, ms]) => `${step}: ${ms} ms`)
        .join('\n')}\n`,
    );
  return report.findings.some(({ severity }) => severity === 'problem') ? 1 : 0;
};
