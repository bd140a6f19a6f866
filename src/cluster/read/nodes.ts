import type { V1Node } from '@kubernetes/client-node';
import type { ApiReader } from '../api/reader.ts';
import { ApiError } from '../errors.ts';
import type { NodeFacts } from '../facts.ts';
import { nodeFacts } from './node.ts';
import * as path from './paths.ts';

/** What is known of a node that we may not read: its name. An agent finds out the rest. */
const unread = (name: string): NodeFacts => ({
  name,
  ips: [],
  podCidrs: [],
  ready: true,
  os: '',
  arch: '',
  kernel: '',
  labels: {},
  annotations: {},
  unschedulable: false,
  taints: [],
});

/**
 * Just these nodes, so that their agents can start while all else is still being read; readCluster asks for them again and gets the same answer.
 * @throws CliError when one does not exist
 */
export const readNodes = (reader: ApiReader, names: string[]): Promise<NodeFacts[]> =>
  Promise.all(
    [...new Set(names)].map(async (name) => {
      try {
        return nodeFacts(await reader.get<V1Node>(path.nodes(name)));
      } catch (error) {
        if (error instanceof ApiError && error.status === 403) return unread(name);
        throw error;
      }
    }),
  );
