import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentSession } from '../../../../src/cluster/agent-session.ts';

/** An agent in a new node that a script makes of namespaces of this machine; each run has a node of its own. @param node for `unshare -n -m -p -f --kill-child sh -s` */
export const agentOf = (node: string, dir: string): AgentSession => ({
  node: 'node1',
  reach: 'node',
  description: 'namespaces of this machine',
  run: async (script, { args = [] }) => {
    writeFileSync(join(dir, 'script.sh'), script);
    const inside = 'file=$1; shift; sh -s -- "$@" <"$file"';
    const command = ['-n', '-m', '-p', '-f', '--kill-child', 'sh', '-s', '--', 'sh', '-c', inside, 'sh', join(dir, 'script.sh'), ...args];
    const { stdout, stderr, status } = spawnSync('unshare', command, { input: node, maxBuffer: 1 << 26 });
    return { exitCode: status ?? -1, stdout, stderr: stderr.toString(), durationMs: 0 };
  },
});
