import { CliError, EXIT } from '../../cluster/errors.ts';
import { resolvePair } from '../../cluster/words/resolve.ts';
import { type ModelRequest, runModel } from '../../doctor/run-model.ts';
import { runPath } from '../../doctor/run-path.ts';
import { startStopwatch } from '../../doctor/stopwatch.ts';
import { renderPath } from '../../report/path.ts';
import { askYesNo } from '../ask.ts';
import type { AgentFlags, ConnectionFlags, OutputFlags } from '../connection-options.ts';
import { agentFlags, outputFlags } from '../global-flags.ts';
import { type ProbeFlags, probeFlags, probeWish } from '../probe-flags.ts';
import { startProgress } from '../progress.ts';
import { withSession } from '../session.ts';
import { defineCommand } from './command.ts';
import { printReport } from './outcome.ts';

interface PathFlags extends ConnectionFlags, AgentFlags, OutputFlags, ProbeFlags {
  a?: string | undefined;
  b?: string | undefined;
  traceRules?: boolean | undefined;
  modelOnly?: boolean | undefined;
  whatIf?: string[] | undefined;
}

const TRACE_QUESTION = `--trace-rules changes how the nodes involved process packets while the probes run: a table netdoctor_… in nftables marks the
probes (and nothing else) for tracing, and where a node has legacy iptables rules, nf_log is turned to NFLOG. Both are undone right after.`;

export const pathCommand = defineCommand<PathFlags>({
  usage: 'path [a] [b]',
  summary: 'Follow real packets from A to B, hop by hop, and name what stops them',
  examples: [
    ['kubectl netdoctor path web-0 db-0', 'pod to pod, at the first port db-0 declares'],
    ['kubectl netdoctor path shop/web-0 svc/db --port 5432', 'pod to Service'],
    ['kubectl netdoctor path deploy/web node/node2 --protocol icmp', 'pod to node, by ping'],
    ['kubectl netdoctor path web-0 10.1.1.7:27017 -o json', 'pod to an address outside'],
    ['kubectl netdoctor path web-0 db-0 --save run.tgz', 'keep everything for later'],
    ['kubectl netdoctor path --from run.tgz', 'and judge it again'],
    ["kubectl netdoctor path web-0 db-0 --what-if 'node1: iptables -D FORWARD 3'", 'try a fix on the model before typing it'],
  ],
  words: {
    a: { type: 'string', values: 'end', describe: 'Where packets are sent from: [NS/]POD, deploy/NAME, node/NAME, an IP…' },
    b: { type: 'string', values: 'end', describe: 'Where they should arrive: the same, or svc/NAME, a host name, HOST:PORT' },
  },
  flags: {
    ...probeFlags,
    'trace-rules': {
      type: 'boolean',
      describe: 'Let the kernels name the firewall rules that probes meet; marks the probes in a table of our own on the nodes, and asks first',
    },
    'model-only': { type: 'boolean', describe: 'Send nothing: predict from what the nodes, or a bundle, say of themselves' },
    'what-if': {
      type: 'string',
      array: true,
      nargs: 1,
      describe: "A command to try on the model, 'NODE: COMMAND' or 'NAMESPACE/POD: COMMAND' (iptables, nft, ip, bridge, sysctl…), may be repeated",
    },
  },
  flagGroups: { 'Agent flags:': agentFlags, 'Output flags:': outputFlags },
  run: async (flags, context) => {
    const whatIf = flags.whatIf ?? [];
    const modelOnly = flags.modelOnly === true || whatIf.length > 0;
    if (modelOnly && flags.traceRules)
      throw new CliError(`error: ${whatIf.length > 0 ? '--what-if' : '--model-only'} sends nothing: there are no rules to trace`, EXIT.usage);
    const request = { ...probeWish(flags), ...(flags.traceRules ? { traceRules: true } : {}), ...(modelOnly ? { modelOnly, whatIf } : {}) };
    if (flags.from === undefined && (flags.a === undefined || flags.b === undefined)) {
      throw new CliError("error: path needs two ends: kubectl netdoctor path A B\nSee 'kubectl netdoctor path --help'.", EXIT.usage);
    }
    const asked = { ...request, from: flags.a ?? '', to: flags.b ?? '' };
    if (flags.traceRules && flags.from === undefined && !flags.yes && !(await askYesNo(TRACE_QUESTION, context, 'Do it?'))) return 0;
    const progress = startProgress(context.stderr, context.env, flags.quiet);
    return withSession(flags, context, progress, 'path', asked, async (session) => {
      if (flags.from !== undefined && flags.a === undefined && !session.recorded)
        throw new CliError(`error: ${flags.from} was not recorded by path: say which two ends are meant`, EXIT.usage);
      // a replay asks what was asked then, unless other ends are named
      const recorded = flags.a === undefined ? session.recorded : undefined;
      const question = { ...(recorded ?? asked), ...(modelOnly ? { modelOnly, whatIf } : {}) } as unknown as Omit<ModelRequest, 'namespace'>;
      const ports = {
        api: session.api,
        open: session.open,
        mark: session.mark,
        now: session.now,
        thorough: session.thorough,
        say: progress.step,
        stopwatch: startStopwatch(),
      };
      const resolve = (api: typeof session.api, from: string, to: string, namespace: string): ReturnType<typeof resolvePair> =>
        resolvePair(api, namespace, { from, to });
      const ask = question.modelOnly ? runModel : runPath;
      const report = await ask({ ...question, namespace: session.namespace }, resolve, ports).finally(progress.stop);
      await session.save(report);
      return printReport(report, flags, context, (one, canvas) =>
        renderPath(one, canvas, { wide: flags.output === 'wide', noHeaders: flags.noHeaders }),
      );
    });
  },
});
