import { CliError, EXIT } from '../../cluster/errors.ts';
import type { Protocol } from '../../cluster/facts.ts';
import { PLUGINS } from '../../policy/traits.ts';
import type { AgentFlags, ConnectionFlags, OutputFlags } from '../connection-options.ts';
import type { Context, ExitCode } from '../context.ts';
import { agentFlags, outputFlags } from '../global-flags.ts';
import { assertMode, diffMode, matrixMode, pairMode, podMode, suggestMode } from '../policy/modes.ts';
import { defineCommand } from './command.ts';

export interface PolicyFlags extends ConnectionFlags, AgentFlags, Omit<OutputFlags, 'output'> {
  a?: string | undefined;
  b?: string | undefined;
  more?: string[] | undefined;
  port?: string | undefined;
  protocol?: Protocol | undefined;
  matrix: boolean;
  allNamespaces: boolean;
  diff?: string[] | undefined;
  assert?: string | undefined;
  suggest: boolean;
  live: boolean;
  cni?: string | undefined;
  output?: PolicyOutput | undefined;
}

const OUTPUTS = ['wide', 'json', 'yaml', 'csv', 'dot', 'mermaid', 'text', 'tap', 'junit'] as const;

export type PolicyOutput = (typeof OUTPUTS)[number];

/** One way to ask, with what fits it. */
interface Mode {
  name: string;
  isAsked: (flags: PolicyFlags) => boolean;
  outputs: readonly PolicyOutput[];
  /** Flags that mean nothing elsewhere. */
  takes: readonly (keyof PolicyFlags)[];
  run: (flags: PolicyFlags, context: Context) => Promise<ExitCode>;
}

const DATA: readonly PolicyOutput[] = ['wide', 'json', 'yaml'];

/** In the order in which they are recognised. */
const modes: readonly Mode[] = [
  {
    name: '--matrix',
    isAsked: ({ matrix }) => matrix,
    outputs: [...DATA, 'csv', 'dot', 'mermaid'],
    takes: ['matrix', 'allNamespaces'],
    run: matrixMode,
  },
  { name: '--diff', isAsked: ({ diff }) => diff !== undefined, outputs: DATA, takes: ['diff', 'a', 'b', 'more'], run: diffMode },
  {
    name: '--assert',
    isAsked: (flags) => flags.assert !== undefined,
    outputs: ['text', 'tap', 'junit', 'json', 'yaml'],
    takes: ['assert', 'live'],
    run: assertMode,
  },
  {
    name: '--suggest',
    isAsked: ({ suggest }) => suggest,
    outputs: ['yaml'],
    takes: ['suggest', 'a', 'b', 'port', 'protocol'],
    run: suggestMode,
  },
  { name: 'policy A B', isAsked: ({ b }) => b !== undefined, outputs: DATA, takes: ['a', 'b', 'port', 'protocol', 'live'], run: pairMode },
  { name: 'policy POD', isAsked: ({ a }) => a !== undefined, outputs: DATA, takes: ['a'], run: podMode },
];

const OWN: readonly (keyof PolicyFlags)[] = ['a', 'b', 'more', 'port', 'protocol', 'matrix', 'allNamespaces', 'diff', 'assert', 'suggest', 'live'];

const isGiven = (value: unknown): boolean => value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);

const flagName = (key: string): string =>
  ['a', 'b', 'more'].includes(key) ? 'a name' : `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** @throws CliError for flags that do not go together */
const modeOf = (flags: PolicyFlags): Mode => {
  const mode = modes.find(({ isAsked }) => isAsked(flags));
  if (!mode)
    throw new CliError(
      "error: policy needs a pod, two ends, --matrix, --diff FILE or --assert FILE\nSee 'kubectl netdoctor policy --help'.",
      EXIT.usage,
    );
  const stray = OWN.find((key) => isGiven(flags[key]) && !mode.takes.includes(key));
  if (stray !== undefined) throw new CliError(`error: ${mode.name} takes no ${flagName(stray).replace(/^a /, '')}`, EXIT.usage);
  if (flags.output !== undefined && !mode.outputs.includes(flags.output))
    throw new CliError(`error: ${mode.name} has no output format "${flags.output}": ${mode.outputs.join(', ')}`, EXIT.usage);
  if (flags.live && flags.from !== undefined) throw new CliError('error: --live sends probes, and --from has nothing to send them in', EXIT.usage);
  return mode;
};

export const policyCommand = defineCommand<PolicyFlags>({
  usage: 'policy [a] [b] [more..]',
  summary: 'Say whether network policies let A reach B, which one decides, and what would allow it',
  examples: [
    ['kubectl netdoctor policy web-0 db-0 --port 5432', 'may it, and which policy says so?'],
    ['kubectl netdoctor policy web-0 db-0 --port 5432 --suggest', 'the smallest policy that allows it, as YAML'],
    ['kubectl netdoctor policy web-0 svc/db --live', 'and do real packets agree?'],
    ['kubectl netdoctor policy web-0', 'who may talk to it, and to whom may it talk?'],
    ['kubectl netdoctor policy --matrix -n shop', 'who may reach whom'],
    ['kubectl netdoctor policy --diff new.yaml', 'what would these manifests change?'],
    ['kubectl netdoctor policy --assert expected.yaml -o junit', 'does the cluster still say what it should?'],
    ['kubectl netdoctor policy --matrix -A --from manifests/', 'without a cluster'],
  ],
  words: {
    a: { type: 'string', values: 'end', describe: 'Source, or the pod that is asked about: [NS/]POD, deploy/NAME, node/NAME, an IP…' },
    b: { type: 'string', values: 'end', describe: 'Destination: the same, or svc/NAME, a host name, HOST:PORT' },
    more: { type: 'string', array: true, values: 'file', describe: 'More files for --diff' },
  },
  flags: {
    port: { type: 'string', alias: 'p', describe: "Destination's port, number or name (default: B's first declared port, else ping)" },
    protocol: { choices: ['tcp', 'udp', 'icmp', 'sctp'], describe: 'Protocol' },
    matrix: { type: 'boolean', default: false, describe: 'Who may reach whom, workload by workload' },
    'all-namespaces': { type: 'boolean', alias: 'A', default: false, describe: 'With --matrix: pods of all namespaces' },
    diff: { type: 'string', array: true, values: 'file', describe: 'What applying these manifests would change; exit code 1 when something breaks' },
    assert: { type: 'string', values: 'file', describe: 'Check a YAML or JSON list of {from, to, port, protocol, expect: allow|deny}' },
    suggest: { type: 'boolean', default: false, describe: 'Print the smallest policy that would allow it, as YAML' },
    live: { type: 'boolean', default: false, describe: 'Send real probes, too (as path does)' },
    cni: { choices: PLUGINS, describe: 'Judge as this plugin enforces (default: the one that is found)' },
  },
  flagGroups: {
    'Agent flags (with --live):': agentFlags,
    'Output flags:': {
      ...outputFlags,
      output: {
        choices: OUTPUTS,
        alias: 'o',
        describe: 'Output format; csv, dot and mermaid for --matrix, text, tap and junit for --assert',
      },
      from: { type: 'string', values: 'file', describe: 'Judge a saved .tgz, or manifests (a directory, a file, - for stdin), offline' },
    },
  },
  run: (flags, context) => modeOf(flags).run(flags, context),
});
