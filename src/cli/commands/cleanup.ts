import { cleanup, type Removed } from '../../cluster/agents/cleanup.ts';
import { DEFAULT_AGENT_NAMESPACE } from '../../cluster/agents/options.ts';
import { EXIT } from '../../cluster/errors.ts';
import { escapeLine } from '../../report/escape.ts';
import { renderTable } from '../../report/table.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { goLive } from '../live.ts';
import { canvasFor } from '../terminal.ts';
import { writeAll } from '../write.ts';
import { defineCommand } from './command.ts';

interface CleanupFlags extends ConnectionFlags {
  all: boolean;
  agentNamespace?: string | undefined;
}

const HEADS = [{ head: 'WHAT' }, { head: 'NAMESPACE' }, { head: 'POD' }, { head: 'NODE' }, { head: 'OWNER', shrinkTo: 12 }];

const row = (what: string, pod: Removed): string[] => [what, pod.namespace, pod.name, pod.node, pod.owner].map(escapeLine);

export const cleanupCommand = defineCommand<CleanupFlags>({
  usage: 'cleanup',
  summary: 'Remove agent pods that a killed run left behind',
  examples: [
    ['kubectl netdoctor cleanup', 'yours'],
    ['kubectl netdoctor cleanup --all', "everybody's, also of runs that still go on"],
  ],
  flags: {
    all: { type: 'boolean', default: false, describe: "Everybody's agents, running ones too" },
    'agent-namespace': { type: 'string', values: 'namespace', describe: 'Where to look when listing pods of all namespaces is forbidden' },
  },
  run: async (flags, context) => {
    const live = await goLive(flags, context);
    try {
      const { removed, kept, failed } = await cleanup(live.client, flags.agentNamespace ?? DEFAULT_AGENT_NAMESPACE, { all: flags.all });
      const rows = [
        ...removed.map((pod) => row('removed', pod)),
        ...kept.map((pod) => row('kept: not yours, or in use', pod)),
        ...failed.map(({ pod, why }) => row(`not removed: ${why}`, pod)),
      ];
      const text = rows.length === 0 ? 'Nothing was left behind.' : renderTable(HEADS, rows, canvasFor(context.stdout, context.env, 'auto'));
      await writeAll(context.stdout, `${text}\n`);
      return failed.length > 0 ? EXIT.server : 0;
    } finally {
      live.close();
    }
  },
});
