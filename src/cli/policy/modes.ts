import { CliError, EXIT } from '../../cluster/errors.ts';
import { resolvePair } from '../../cluster/words/resolve.ts';
import { runAssert } from '../../doctor/policy/run-assert.ts';
import { runAssertLive } from '../../doctor/policy/run-assert-live.ts';
import { breaks, runDiff } from '../../doctor/policy/run-diff.ts';
import { runMatrix } from '../../doctor/policy/run-matrix.ts';
import { type PairRequest, type PolicyPorts, runPair, runSuggest } from '../../doctor/policy/run-pair.ts';
import { runPod } from '../../doctor/policy/run-pod.ts';
import { withProof } from '../../doctor/policy/with-proof.ts';
import { runPath } from '../../doctor/run-path.ts';
import { startStopwatch } from '../../doctor/stopwatch.ts';
import { parseAssertions } from '../../policy/assertion/parse.ts';
import { placed } from '../../policy/manifest/place.ts';
import { manifestText } from '../../policy/suggest/manifest.ts';
import { assertJunit, assertTap, renderAssert } from '../../report/policy/assert.ts';
import { renderDiff } from '../../report/policy/diff.ts';
import { matrixCsv, matrixDot, matrixMermaid } from '../../report/policy/graphs.ts';
import { renderMatrix } from '../../report/policy/matrix.ts';
import { type PolicyView, renderPolicy } from '../../report/policy/pair.ts';
import { renderPolicyPod } from '../../report/policy/pod.ts';
import type { AnyPolicyReport } from '../../report/policy/reports.ts';
import { printReport } from '../commands/outcome.ts';
import type { PolicyFlags } from '../commands/policy.ts';
import type { Context, ExitCode } from '../context.ts';
import { portOf } from '../port-flag.ts';
import { type Progress, startProgress } from '../progress.ts';
import { writeAll } from '../write.ts';
import { readManifests, readText, refuse } from './files.ts';
import { type PolicySession, withPolicySession } from './session.ts';

type Run = (flags: PolicyFlags, context: Context) => Promise<ExitCode>;

const viewOf = ({ output, noHeaders }: PolicyFlags): PolicyView => ({ wide: output === 'wide', noHeaders });

/** Flags of an output that a table knows; the others are printed by whoever knows them. */
const tableFlags = ({ output, ...flags }: PolicyFlags): Parameters<typeof printReport>[1] =>
  output === 'json' || output === 'yaml' || output === 'wide' ? { ...flags, output } : { ...flags, output: undefined };

const portsOf = (session: PolicySession, progress: Progress): PolicyPorts => ({
  api: session.api,
  now: session.now,
  thorough: session.thorough,
  say: progress.step,
  stopwatch: startStopwatch(),
});

const withUnread = <Kind extends AnyPolicyReport>(report: Kind, { unread }: PolicySession): Kind => ({
  ...report,
  notChecked: [...report.notChecked, ...unread],
});

const cniOf = ({ cni }: PolicyFlags): { cni?: string } => (cni === undefined ? {} : { cni });

/** What was asked, for the bundle that keeps it. */
const pairRequest = (flags: PolicyFlags): Omit<PairRequest, 'namespace'> => {
  const { a = '', b = '', protocol } = flags;
  const port = portOf(flags.port);
  return { from: a, to: b, ...(port === undefined ? {} : { port }), ...(protocol === undefined ? {} : { protocol }), ...cniOf(flags) };
};

interface Work<Kind extends AnyPolicyReport> {
  request: object;
  run: (session: PolicySession, ports: PolicyPorts, progress: Progress) => Promise<Kind>;
  print: (report: Kind) => Promise<ExitCode>;
}

/** A session, a report, its bundle when one was asked for, and the report printed. */
const work = <Kind extends AnyPolicyReport>(flags: PolicyFlags, context: Context, { request, run, print }: Work<Kind>): Promise<ExitCode> => {
  const progress = startProgress(context.stderr, context.env, flags.quiet);
  return withPolicySession({ ...flags, output: undefined }, context, progress, { ...request }, async (session) => {
    const report = withUnread(await run(session, portsOf(session, progress), progress).finally(progress.stop), session);
    await session.save(report);
    return print(report);
  });
};

export const pairMode: Run = (flags, context) => {
  const asked = pairRequest(flags);
  return work(flags, context, {
    request: asked,
    run: async (session, ports, progress) => {
      const report = await runPair({ ...asked, namespace: session.namespace }, ports);
      if (!flags.live) return report;
      const { from, to, port, protocol } = asked;
      const path = await runPath(
        {
          from,
          to,
          ...(port === undefined ? {} : { port }),
          ...(protocol ? { protocol } : {}),
          namespace: session.namespace,
          count: 5,
          timeoutMs: 1000,
        },
        (api, source, target, namespace) => resolvePair(api, namespace, { from: source, to: target }),
        { ...ports, open: session.open, mark: session.mark, say: progress.step },
      );
      return withProof(report, path);
    },
    print: (report) => printReport(report, tableFlags(flags), context, (one, canvas) => renderPolicy(one, canvas, viewOf(flags))),
  });
};

export const podMode: Run = (flags, context) => {
  const asked = { from: flags.a ?? '', ...cniOf(flags) };
  return work(flags, context, {
    request: asked,
    run: (session, ports) => runPod({ ...asked, namespace: session.namespace }, ports),
    print: (report) => printReport(report, tableFlags(flags), context, (one, canvas) => renderPolicyPod(one, canvas, viewOf(flags))),
  });
};

export const suggestMode: Run = (flags, context) => {
  if (flags.a === undefined || flags.b === undefined)
    throw new CliError('error: --suggest needs two ends: kubectl netdoctor policy A B --suggest', EXIT.usage);
  const asked = pairRequest(flags);
  const progress = startProgress(context.stderr, context.env, flags.quiet);
  return withPolicySession({ ...flags, output: undefined }, context, progress, { ...asked }, async (session) => {
    const suggestion = await runSuggest({ ...asked, namespace: session.namespace }, portsOf(session, progress)).finally(progress.stop);
    if ('impossible' in suggestion) {
      await writeAll(context.stderr, `No policy that is added can allow it: ${suggestion.impossible}.\n`);
      return 1;
    }
    const { objects, notes } = suggestion;
    // standard output is for kubectl apply -f -
    if (objects.length === 0) await writeAll(context.stderr, 'It is allowed already: nothing has to be added.\n');
    for (const note of notes) await writeAll(context.stderr, `Note: ${note}\n`);
    await writeAll(context.stdout, manifestText(objects));
    return 0;
  });
};

export const matrixMode: Run = (flags, context) =>
  work(flags, context, {
    request: { matrix: true, allNamespaces: flags.allNamespaces, ...cniOf(flags) },
    run: (session, ports) => runMatrix({ ...(flags.allNamespaces ? {} : { namespace: session.namespace }), ...cniOf(flags) }, ports),
    print: async (report) => {
      if (flags.output === 'dot' || flags.output === 'mermaid') {
        await writeAll(context.stdout, (flags.output === 'dot' ? matrixDot : matrixMermaid)(report));
        return 0;
      }
      if (flags.output === 'csv') {
        for (const lines of matrixCsv(report)) await writeAll(context.stdout, lines);
        return 0;
      }
      return printReport(report, tableFlags(flags), context, (one, canvas) => renderMatrix(one, canvas, viewOf(flags)));
    },
  });

export const diffMode: Run = async (flags, context) => {
  const files = [...(flags.diff ?? []), ...[flags.a, flags.b].flatMap((word) => word ?? []), ...(flags.more ?? [])];
  if (files.length === 0) throw new CliError('error: --diff needs a file or a directory of manifests', EXIT.usage);
  const objects = await readManifests(files, flags.namespace, context);
  return work(flags, context, {
    request: { diff: files, ...cniOf(flags) },
    run: ({ namespace }, ports) => runDiff({ files, objects: objects.map((object) => placed(object, namespace)), ...cniOf(flags) }, ports),
    print: async (report) => {
      const code = await printReport(report, tableFlags(flags), context, (one, canvas) => renderDiff(one, canvas, viewOf(flags)));
      return breaks(report) ? 1 : code;
    },
  });
};

export const assertMode: Run = async (flags, context) => {
  const text = await readText(flags.assert ?? '', context);
  const { assertions, problems } = parseAssertions(text);
  refuse('these assertions are not valid', problems);
  return work(flags, context, {
    request: { assert: text.file, ...cniOf(flags) },
    run: (session, ports) => {
      const asked = { file: text.file, assertions, namespace: session.namespace, ...cniOf(flags) };
      return flags.live ? runAssertLive(asked, { ...ports, open: session.open }) : runAssert(asked, ports);
    },
    print: async (report) => {
      const forms = { tap: assertTap, junit: assertJunit };
      if (flags.output === 'tap' || flags.output === 'junit') await writeAll(context.stdout, forms[flags.output](report));
      else await printReport(report, tableFlags(flags), context, (one, canvas) => renderAssert(one, canvas));
      return report.assertions.every(({ pass }) => pass) ? 0 : 1;
    },
  });
};
