import { clockWords } from '../../capture/clock.ts';
import { CliError, EXIT } from '../../cluster/errors.ts';
import { resolvePair } from '../../cluster/words/resolve.ts';
import type { CaptureSink } from '../../doctor/capture/sink.ts';
import { type CaptureRequest, type CaptureResult, runCapture, silentHops } from '../../doctor/run-capture.ts';
import { renderCaptureSummary } from '../../report/capture-summary.ts';
import { type CaptureFlags, captureFlags, captureOutputFlags, captureWish } from '../capture-flags.ts';
import { openFileSink, openStreamSink } from '../capture-sink.ts';
import { lineWriterFor, pcapngWriterFor, readingHints } from '../capture-writers.ts';
import type { AgentFlags, ConnectionFlags } from '../connection-options.ts';
import type { Context, ExitCode } from '../context.ts';
import { agentFlags } from '../global-flags.ts';
import { withLiveSession } from '../live-session.ts';
import { type ProbeFlags, probeFlags } from '../probe-flags.ts';
import { startProgress } from '../progress.ts';
import { canvasFor } from '../terminal.ts';
import { writeAll } from '../write.ts';
import { defineCommand } from './command.ts';

interface Flags extends ConnectionFlags, AgentFlags, ProbeFlags, CaptureFlags {
  a?: string | undefined;
  b?: string | undefined;
}

/** Until an agent is there, and until it is gone again. */
const AROUND_SECONDS = 120;

const openSink = async ({ write }: Flags, { stdout }: Context): Promise<CaptureSink> => {
  if (write === '-' && stdout.isTTY)
    throw new CliError('error: packets are no text: write them to a file (-w FILE) or into a pipe (-w - | wireshark -k -i -)', EXIT.usage);
  return write === undefined || write === '-' ? openStreamSink(stdout) : openFileSink(write);
};

const exitCodeOf = ({ end }: CaptureResult, signalled: ExitCode): ExitCode => {
  if (end === 'interrupted') return signalled;
  if (end === 'captures') return EXIT.agent;
  return typeof end === 'object' && end.is === 'failed' ? EXIT.output : 0;
};

const summaryOf = (result: CaptureResult, request: CaptureRequest, file: string | undefined): Parameters<typeof renderCaptureSummary>[0] => {
  const { end, tally, losses, probe, clocks, notes, prepared } = result;
  const { packets, bytes, skipped, late } = tally;
  return {
    ...(file === undefined || file === '-' ? {} : { file }),
    end,
    packets,
    bytes,
    hops: tally.hops.size,
    elsewhere: tally.elsewhere.size,
    losses,
    skipped,
    late,
    // neither users' traffic nor what a filter leaves needs to pass every hop
    silent: request.live || request.filter !== undefined ? [] : silentHops(result),
    ...(probe ? { probe } : {}),
    clocks: clocks.map((clock) => clockWords(clock, prepared.first)),
    notes: [...notes, ...(file === undefined ? [] : readingHints(result))],
  };
};

export const captureCommand = defineCommand<Flags>({
  usage: 'capture [a] [b]',
  summary: 'Capture the packets between A and B at every hop of every node, as one file or line by line',
  examples: [
    ['kubectl netdoctor capture web-0 db-0', 'probes, one line per packet and hop'],
    ['kubectl netdoctor capture web-0 db-0 -w out.pcapng', 'one merged file for Wireshark, an interface per hop'],
    ['kubectl netdoctor capture web-0 svc/db -w - | wireshark -k -i -', 'straight into Wireshark'],
    ['kubectl netdoctor capture web-0 db-0 --live --duration 30s', "the users' own traffic instead of probes"],
    ["kubectl netdoctor capture web-0 db-0 --live --filter 'tcp[13] & 4 != 0'", 'resets only'],
  ],
  words: {
    a: { type: 'string', values: 'end', describe: 'Where packets are sent from: [NS/]POD, deploy/NAME, node/NAME, an IP…' },
    b: { type: 'string', values: 'end', describe: 'Where they should arrive: the same, or svc/NAME, a host name, HOST:PORT' },
  },
  flags: { ...captureFlags, ...probeFlags },
  flagGroups: { 'Agent flags:': agentFlags, 'Output flags:': captureOutputFlags },
  run: async (flags, context) => {
    const { a: from, b: to, write: file } = flags;
    if (from === undefined || to === undefined)
      throw new CliError("error: capture needs two ends: kubectl netdoctor capture A B\nSee 'kubectl netdoctor capture --help'.", EXIT.usage);
    const wish = captureWish(flags);
    const sink = await openSink(flags, context);
    const progress = startProgress(context.stderr, context.env, flags.quiet);
    const interrupted = Promise.withResolvers<void>();
    let signalled: ExitCode = 0;
    const life = (wish.live ? wish.durationMs : wish.timeoutMs) / 1000 + AROUND_SECONDS;
    return withLiveSession(flags, context, progress, life, async ({ api, open, mark, namespace }) => {
      const request: CaptureRequest = { ...wish, from, to, namespace };
      const canvas = canvasFor(context.stdout, context.env, flags.color);
      const begun = (): void => {
        if (file === undefined || file === '-') progress.stop();
        else progress.step(`capturing to ${file}${wish.live ? ' until Ctrl-C' : ''}`);
        context.registry.endEarly((exitCode) => {
          signalled = exitCode;
          interrupted.resolve();
        });
      };
      const result = await runCapture(request, (reader, one, other, ns) => resolvePair(reader, ns, { from: one, to: other }), {
        api,
        open,
        mark,
        say: progress.step,
        sink,
        writerFor: (head) => (file === undefined ? lineWriterFor(request, head, canvas, flags.noHeaders) : pcapngWriterFor(request, head)),
        begun,
        interrupted: interrupted.promise,
      }).finally(progress.stop);
      await writeAll(context.stderr, renderCaptureSummary(summaryOf(result, request, file), canvasFor(context.stderr, context.env, flags.color)));
      return exitCodeOf(result, signalled);
    }).finally(sink.close);
  },
});
