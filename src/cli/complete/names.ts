import type { V1Pod, V1Service } from '@kubernetes/client-node';
import { apiPath, createClient } from '../../cluster/api/client.ts';
import { configPaths, loadConfigs } from '../../cluster/kubeconfig/config-file.ts';
import { type Connection, connect } from '../../cluster/kubeconfig/connection.ts';
import * as path from '../../cluster/read/paths.ts';
import type { Kind } from '../../cluster/words/word.ts';
import { type ConnectionFlags, connectionOptions } from '../connection-options.ts';
import type { Candidate } from '../flag.ts';

/** Names that only the cluster and the kubeconfig know. Each may fail: completion then has nothing to offer. */
export interface Names {
  /** @param namespace the command line's own when absent; without meaning for nodes and namespaces */
  objects: (kind: Kind | 'namespaces', namespace?: string) => Promise<Candidate[]>;
  /** Names in the kubeconfig. */
  entries: (what: 'contexts' | 'clusters' | 'users') => string[];
  /** Nothing more is asked: the process can end. */
  close: () => void;
}

interface Item {
  metadata: { name: string };
}

const pathOf = (kind: Kind | 'namespaces', namespace: string): string => {
  if (kind === 'nodes') return path.nodes();
  if (kind === 'namespaces') return apiPath('api/v1/namespaces');
  if (kind === 'pods') return path.pods(namespace);
  return kind === 'services' ? path.services(namespace) : path.workloads(kind, namespace);
};

/** A pod is told by its node, or by why it is on none or does not run; a Service by what it offers. */
const meaningOf = (kind: Kind | 'namespaces', item: Item): string | undefined => {
  if (kind === 'pods') {
    const { spec, status } = item as unknown as V1Pod;
    return status?.phase === 'Running' ? spec?.nodeName : status?.phase;
  }
  if (kind !== 'services') return undefined;
  const { spec } = item as unknown as V1Service;
  return spec?.ports?.map(({ port, protocol = 'TCP' }) => `${port}/${protocol}`).join(', ');
};

/** @param timeoutMs for one request; the log-in has no limit here */
export const liveNames = (flags: ConnectionFlags, env: NodeJS.ProcessEnv, timeoutMs: number): Names => {
  let connected: Promise<Connection> | undefined;
  return {
    objects: async (kind, namespace) => {
      connected ??= connect(connectionOptions(flags), env);
      const connection = await connected;
      const { items } = await createClient(connection).request<{ items: Item[] }>('GET', pathOf(kind, namespace ?? connection.namespace), {
        query: path.fromCache,
        timeoutMs,
      });
      return items.map((item) => {
        const meaning = meaningOf(kind, item);
        return { value: item.metadata.name, ...(meaning ? { meaning } : {}) };
      });
    },
    entries: (what) => [...loadConfigs(configPaths(flags.kubeconfig, env))[what].keys()],
    close: () => {
      connected?.then(({ close }) => close()).catch(() => undefined);
    },
  };
};
