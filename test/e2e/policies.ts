import { waitFor } from '../lab/clock.ts';
import { kubectl } from './cluster.ts';
import { addressesOf } from './families.ts';
import type { Ran } from './netdoctor.ts';
import { netdoctor } from './netdoctor.ts';

export type Manifest = Record<string, unknown>;

/** Pods of the lab that questions about policies are put to. */
export const CLIENT = 'client-node1';
export const NEIGHBOUR = 'client-node2';
export const SERVER = 'server-node2';

interface Rules {
  ingress?: unknown[];
  egress?: unknown[];
}

/** Isolates in whichever directions it has rules for, be they none. */
export const networkPolicy = (name: string, podSelector: object, { ingress, egress }: Rules, namespace = 'demo'): Manifest => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace },
  spec: {
    podSelector,
    policyTypes: [...(ingress ? ['Ingress'] : []), ...(egress ? ['Egress'] : [])],
    ...(ingress ? { ingress } : {}),
    ...(egress ? { egress } : {}),
  },
});

const serversTake = (app: string): Manifest =>
  networkPolicy('servers', { matchLabels: { app: 'server' } }, { ingress: [{ from: [{ podSelector: { matchLabels: { app } } }] }] });

/** Servers take what pods of Deployment web send, and nothing else. */
export const serversTakeWebOnly = serversTake('web');

export const serversTakeClients = serversTake('client');

export const apply = (objects: readonly Manifest[]): Promise<string> =>
  kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));

interface Where {
  /** Of the pod that connects. */
  namespace?: string;
  port?: number;
}

const connectsAt = async (from: string, address: string, { namespace = 'demo', port = 8080 }: Where): Promise<boolean> => {
  try {
    await kubectl(['-n', namespace, 'exec', from, '--', 'nc', '-w', '1', address, String(port)]);
    return true;
  } catch {
    return false;
  }
};

/** Whether a new connection to a pod of demo comes about, for each of its addresses. */
export const connects = async (from: string, to: string, where: Where = {}): Promise<boolean[]> =>
  Promise.all((await addressesOf(to)).map((address) => connectsAt(from, address, where)));

/** A node follows the API within moments, one family after the other; a test begins when it has. */
export const untilConnects = (from: string, to: string, expected: boolean, where?: Where): Promise<void> =>
  waitFor(`${from} ${expected ? 'reach' : 'not reach'} ${to}`, async () => !(await connects(from, to, where)).includes(!expected), {
    timeout: 30_000,
  });

/** Removes all policies, and returns when the nodes have followed. */
export const withoutPolicies = async (): Promise<void> => {
  await kubectl(['-n', 'demo', 'delete', 'networkpolicy', '--all', '--wait=true']);
  for (const client of [CLIENT, NEIGHBOUR]) await untilConnects(client, SERVER, true);
};

/** What `policy A B --suggest` prints, applied as its report says. */
export const applySuggestion = async (question: readonly string[]): Promise<Ran> => {
  const suggestion = await netdoctor(['policy', ...question, '--suggest']);
  await kubectl(['apply', '-f', '-'], suggestion.stdout);
  return suggestion;
};
