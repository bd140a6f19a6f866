import type { ApiReader } from '../../cluster/api/reader.ts';
import { ApiError, CliError, EXIT } from '../../cluster/errors.ts';
import { nodes } from '../../cluster/read/paths.ts';
import { resolveOne } from '../../cluster/words/resolve.ts';
import { parseWord } from '../../cluster/words/word.ts';
import { type DropsRequest, runDrops } from '../../doctor/run-drops.ts';
import { startStopwatch } from '../../doctor/stopwatch.ts';
import { renderDrops } from '../../report/drops.ts';
import { type AgentFlags, type ConnectionFlags, durationOf, type OutputFlags } from '../connection-options.ts';
import type { ExitCode } from '../context.ts';
import { agentFlags, outputFlags } from '../global-flags.ts';
import { startProgress } from '../progress.ts';
import { withSession } from '../session.ts';
import { defineCommand } from './command.ts';
import { printReport } from './outcome.ts';

interface Flags extends ConnectionFlags, AgentFlags, OutputFlags {
  target?: string | undefined;
  duration: string;
  all: boolean;
}

const LONGEST_MS = 3_600_000;

/** Until an agent is there, until the node is read, and until it is gone again. */
const AROUND_SECONDS = 120;

/** A bare name may be a node's as well as a pod's: nodes come first here, as what is dropped is a node's. */
const asNode = async (api: ApiReader, word: string, namespace: string): Promise<string> => {
  const { target } = parseWord(word, namespace);
  if (target.is !== 'name') return word;
  const known = await api.get(nodes(target.name)).catch((error: unknown) => {
    if (error instanceof ApiError && (error.status === 404 || error.status === 403)) return undefined;
    throw error;
  });
  return known === undefined ? word : `node/${target.name}`;
};

const wishOf = (flags: Flags): Omit<DropsRequest, 'namespace'> => {
  const durationMs = durationOf('duration', flags.duration) ?? 0;
  if (durationMs < 100 || durationMs > LONGEST_MS)
    throw new CliError(`error: invalid argument "${flags.duration}" for "--duration": 100ms to 1h`, EXIT.usage);
  return { word: flags.target ?? '', durationMs };
};

export const dropsCommand = defineCommand<Flags>({
  usage: 'drops [target]',
  summary: 'Show what a node drops right now, whatever the traffic: why, where, by which rule, whose, how often',
  examples: [
    ['kubectl netdoctor drops node1', 'everything the node drops, for 10 seconds'],
    ['kubectl netdoctor drops web-0 --duration 1m', "only what concerns a pod's addresses and interfaces"],
    ['kubectl netdoctor drops node1 --all -o wide', "with what is harmless, and the kernel's own words"],
    ['kubectl netdoctor drops node1 --save run.tgz', 'keep everything for later'],
    ['kubectl netdoctor drops --from run.tgz', 'and judge it again'],
  ],
  words: { target: { type: 'string', values: 'end', describe: 'A node, or a pod: NODE, [NS/]POD, deploy/NAME, node/NAME…' } },
  flags: {
    duration: { type: 'string', alias: 'd', default: '10s', describe: 'How long to watch; Ctrl-C ends it early' },
    all: { type: 'boolean', default: false, describe: 'Show harmless drops too' },
  },
  flagGroups: { 'Agent flags:': agentFlags, 'Output flags:': outputFlags },
  run: async (flags, context) => {
    if (flags.from === undefined && flags.agent === 'ephemeral')
      throw new CliError('error: what a kernel drops is seen from the node only, and not with --agent ephemeral', EXIT.usage);
    if (flags.from === undefined && flags.target === undefined)
      throw new CliError("error: drops needs a node or a pod: kubectl netdoctor drops NODE|POD\nSee 'kubectl netdoctor drops --help'.", EXIT.usage);
    const wish = wishOf(flags);
    const progress = startProgress(context.stderr, context.env, flags.quiet);
    const interrupted = Promise.withResolvers<void>();
    let signalled: ExitCode | undefined;
    const attend = () => {
      const forget = context.registry.endEarly((exitCode) => {
        signalled = exitCode;
        interrupted.resolve();
      });
      return async (milliseconds: number): Promise<void> => {
        let timer: NodeJS.Timeout | undefined;
        const over = new Promise<void>((resolve) => {
          timer = setTimeout(resolve, milliseconds);
        });
        await Promise.race([over, interrupted.promise]);
        clearTimeout(timer);
        forget();
      };
    };
    const seconds = wish.durationMs / 1000 + AROUND_SECONDS;
    return withSession(
      flags,
      context,
      progress,
      'drops',
      { ...wish },
      async (session) => {
        if (flags.from !== undefined && flags.target === undefined && !session.recorded)
          throw new CliError(`error: ${flags.from} was not recorded by drops: it does not hold what a kernel dropped`, EXIT.usage);
        // a replay asks what was asked then, unless another target is named
        const question = (flags.target === undefined && session.recorded ? session.recorded : wish) as unknown as typeof wish;
        const report = await runDrops(
          { ...question, namespace: session.namespace },
          async (api, word, namespace) => resolveOne(api, namespace, await asNode(api, word, namespace), 'to'),
          {
            api: session.api,
            open: session.open,
            now: session.now,
            attend: flags.from === undefined ? attend : () => async () => undefined,
            say: progress.step,
            stopwatch: startStopwatch(),
          },
        ).finally(progress.stop);
        await session.save(report);
        const exitCode = await printReport(report, flags, context, (one, canvas) =>
          renderDrops(one, canvas, { wide: flags.output === 'wide', noHeaders: flags.noHeaders, all: flags.all }),
        );
        return signalled ?? exitCode;
      },
      seconds,
    );
  },
});
