import { pauseAgent, resumeAgent } from '../lab/faults/agents.ts';
import { images } from '../lab/images/contents.ts';
import { type Enforcing, enforcing } from '../lab/options.ts';
import { kubectl, lab } from './cluster.ts';
import { apply, CLIENT, networkPolicy, SERVER, serversTakeClients, serversTakeWebOnly, untilConnects, withoutPolicies } from './policies.ts';

const NODE = 'node2';

const agents: Record<Enforcing, 'calico-node' | 'cilium-agent'> = { felix: 'calico-node', cilium: 'cilium-agent' };

const agent = (): 'calico-node' | 'cilium-agent' => {
  const plugin = lab && enforcing(lab.plan.options.backend);
  if (!plugin) throw new Error('only on a lab that enforces policies');
  return agents[plugin];
};

const running = () => {
  if (!lab) throw new Error('only on the lab');
  return lab;
};

const pod = (namespace: string, name: string, nodeName: string, app: string, command: string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app } },
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: app, image: images.test, imagePullPolicy: 'IfNotPresent', command, ports: [{ containerPort: 8080 }] }],
  },
});

const serve = ['responder', 'serve', 'http:8080'];

const untilReady = (namespace: string, name: string): Promise<string> =>
  kubectl(['-n', namespace, 'wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s']);

/** A workspace is a namespace: what is in it may talk to each other and to the outside, and nobody else may come in. */
const isolateNamespace = async (): Promise<void> => {
  await apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ingress-nginx' } },
    pod('ingress-nginx', 'controller', 'node1', 'ingress-nginx', ['responder', 'pause']),
    pod('demo', 'web-node2', NODE, 'web', serve),
    networkPolicy('workspace-isolation', {}, { ingress: [{ from: [{ podSelector: {} }] }], egress: [{}] }),
  ]);
  await untilReady('ingress-nginx', 'controller');
  await untilReady('demo', 'web-node2');
  await untilConnects('controller', 'web-node2', false, { namespace: 'ingress-nginx' });
};

/** How each incident comes about; POLICY_EXPECTED has what is then found. */
export const ARRANGE: Record<string, () => Promise<void>> = {
  'namespace-isolated': isolateNamespace,
  'namespace-isolated-service': isolateNamespace,
  'policy-not-yet-on-node': async () => {
    await pauseAgent(running(), NODE, agent());
    await apply([serversTakeWebOnly]);
  },
  'policy-of-yesterday-on-node': async () => {
    await apply([serversTakeWebOnly]);
    await untilConnects(CLIENT, SERVER, false);
    await pauseAgent(running(), NODE, agent());
    await apply([serversTakeClients]);
  },
  'policy-deleted-rules-stay': async () => {
    await apply([serversTakeWebOnly]);
    await untilConnects(CLIENT, SERVER, false);
    await pauseAgent(running(), NODE, agent());
    await kubectl(['-n', 'demo', 'delete', 'networkpolicy', 'servers', '--wait=true']);
  },
  'pod-not-programmed': async () => {
    await pauseAgent(running(), NODE, agent());
    await apply([pod('demo', 'late', NODE, 'late', serve)]);
    await untilReady('demo', 'late');
  },
};

/** Takes all of them away again. */
export const clearUp = async (): Promise<void> => {
  await resumeAgent(running(), NODE, agent());
  await kubectl(['-n', 'demo', 'delete', 'pod', 'late', 'web-node2', '--ignore-not-found', '--wait=true']);
  await kubectl(['delete', 'namespace', 'ingress-nginx', '--ignore-not-found', '--wait=true']);
  await withoutPolicies();
};
