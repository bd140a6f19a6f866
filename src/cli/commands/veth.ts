import { runVeth, type VethRequest } from '../../doctor/run-veth.ts';
import { startStopwatch } from '../../doctor/stopwatch.ts';
import { renderVeth } from '../../report/veth.ts';
import type { AgentFlags, ConnectionFlags, OutputFlags } from '../connection-options.ts';
import { agentFlags, outputFlags } from '../global-flags.ts';
import { startProgress } from '../progress.ts';
import { withSession } from '../session.ts';
import { writeAll } from '../write.ts';
import { defineCommand } from './command.ts';
import { printReport } from './outcome.ts';

interface VethFlags extends ConnectionFlags, AgentFlags, OutputFlags {
  pods?: string[] | undefined;
  selector?: string | undefined;
  allNamespaces: boolean;
  node?: string | undefined;
  hostIface?: string | undefined;
  ip?: string | undefined;
}

const requestOf = (flags: VethFlags): Omit<VethRequest, 'namespace'> => ({
  words: flags.pods ?? [],
  allNamespaces: flags.allNamespaces,
  ...(flags.selector === undefined ? {} : { selector: flags.selector }),
  ...(flags.node === undefined ? {} : { node: flags.node }),
  ...(flags.hostIface === undefined ? {} : { hostInterface: flags.hostIface }),
  ...(flags.ip === undefined ? {} : { ip: flags.ip }),
});

export const vethCommand = defineCommand<VethFlags>({
  usage: 'veth [pods..]',
  summary: 'Show where pods hang on their nodes: netns, veth peer, bridge, host route',
  examples: [
    ['kubectl netdoctor veth web-0', 'one pod'],
    ['kubectl netdoctor veth -l app=web -o wide', 'by label'],
    ['kubectl netdoctor veth -A', 'every pod of the cluster'],
    ['kubectl netdoctor veth --host-iface veth1a2b3c --node node1', 'whose is this interface?'],
    ['kubectl netdoctor veth --ip 10.244.1.5', 'whose is this address?'],
  ],
  words: {
    pods: { type: 'string', array: true, values: 'pod', describe: 'Pods: [NS/]POD, deploy/NAME…; without any, all of the namespace' },
  },
  flags: {
    selector: { type: 'string', alias: 'l', describe: 'Pods with these labels' },
    'all-namespaces': { type: 'boolean', alias: 'A', default: false, describe: 'Pods of all namespaces' },
    node: { type: 'string', values: 'node', describe: 'Pods on this node only' },
    'host-iface': { type: 'string', describe: "Name the pod behind this interface of --node's" },
    ip: { type: 'string', describe: 'Name the pod that holds this address' },
  },
  flagGroups: { 'Agent flags:': agentFlags, 'Output flags:': outputFlags },
  run: async (flags, context) => {
    const asked = requestOf(flags);
    const progress = startProgress(context.stderr, context.env, flags.quiet);
    return withSession(flags, context, progress, 'veth', { ...asked }, async (session) => {
      const ports = { api: session.api, open: session.open, now: session.now, say: progress.step, stopwatch: startStopwatch() };
      const report = await runVeth({ ...asked, namespace: session.namespace }, ports).finally(progress.stop);
      await session.save(report);
      if (report.rows.length === 0 && !report.strangers?.length && flags.output !== 'json' && flags.output !== 'yaml') {
        const where = flags.allNamespaces ? '' : ` in ${session.namespace} namespace`;
        await writeAll(context.stderr, `No pods found${where}.\n`);
        return 0;
      }
      const allNamespaces = new Set(report.rows.map(({ namespace }) => namespace)).size > 1 || flags.allNamespaces;
      return printReport(report, flags, context, (one, canvas) =>
        renderVeth(one, canvas, { wide: flags.output === 'wide', noHeaders: flags.noHeaders, allNamespaces }),
      );
    });
  },
});
