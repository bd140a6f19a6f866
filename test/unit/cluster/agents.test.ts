import { hostname } from 'node:os';
import type { V1Pod } from '@kubernetes/client-node';
import { expect } from 'chai';
import { agentImage } from '../../../src/cluster/agent-image.ts';
import type { AgentSession } from '../../../src/cluster/agent-session.ts';
import { cleanup } from '../../../src/cluster/agents/cleanup.ts';
import { startEphemeral } from '../../../src/cluster/agents/ephemeral.ts';
import type { AgentOptions } from '../../../src/cluster/agents/options.ts';
import { preflight } from '../../../src/cluster/agents/preflight.ts';
import { type AgentProblem, isProblem } from '../../../src/cluster/agents/problem.ts';
import { createRegistry, stopOnSignals } from '../../../src/cluster/agents/registry.ts';
import { type Agents, startAgents } from '../../../src/cluster/agents/start.ts';
import { type ApiClient, createClient } from '../../../src/cluster/api/client.ts';
import { CliError } from '../../../src/cluster/errors.ts';
import type { NodeFacts } from '../../../src/cluster/facts.ts';
import { connect } from '../../../src/cluster/kubeconfig/connection.ts';
import { podFacts } from '../../../src/cluster/read/pod.ts';
import { type FakeApi, type Handler, runHere, startFakeApi, status } from './fake-api.ts';
import { type FakeKubelet, fakeKubelet } from './fake-kubelet.ts';
import { pod } from './sample.ts';

const options: AgentOptions = { image: 'registry.example/agent:1', namespace: 'kube-system', startTimeoutMs: 400, deadlineSeconds: 300 };

const nodeNamed = (name: string, more: Partial<NodeFacts> = {}): NodeFacts => ({
  name,
  ips: ['10.0.0.1'],
  podCidrs: [],
  ready: true,
  os: 'linux',
  arch: 'amd64',
  kernel: '6.12',
  labels: {},
  annotations: {},
  unschedulable: false,
  taints: [],
  ...more,
});

const nodeOf = (agent: V1Pod): string | undefined => agent.spec?.nodeName;

const isPrivileged = (agent: V1Pod): boolean => agent.spec?.containers[0]?.securityContext?.privileged === true;

let api: FakeApi | undefined;
let client: ApiClient | undefined;

const talkTo = async (answer: Handler): Promise<ApiClient> => {
  api = await startFakeApi({ answer, exec: runHere() });
  client = createClient(await connect({ server: api.url, kubeconfig: '/dev/null' }, {}));
  return client;
};

const failure = async (promise: Promise<unknown>): Promise<CliError> => {
  const error = await promise.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(CliError);
  return error as CliError;
};

afterEach(async () => {
  client?.connection.close();
  await api?.close();
  api = client = undefined;
});

describe('agents', () => {
  const start = async (kubelet: FakeKubelet, nodes: NodeFacts[], more: Partial<AgentOptions> = {}): Promise<Agents> => {
    const to = await talkTo(kubelet.answer);
    const all = { ...options, ...more };
    return startAgents(to, nodes, all, preflight(to, all), createRegistry());
  };

  const session = async (agents: Agents, node: string): Promise<AgentSession> => {
    const result = await agents.sessions.get(node);
    expect(result && !isProblem(result), JSON.stringify(result)).to.equal(true);
    return result as AgentSession;
  };

  const problem = async (agents: Agents, node: string): Promise<AgentProblem> => {
    const result = await agents.sessions.get(node);
    expect(result && isProblem(result), JSON.stringify(result)).to.equal(true);
    return result as AgentProblem;
  };

  it('start on every node, run scripts, and are deleted', async () => {
    const kubelet = fakeKubelet();
    const agents = await start(kubelet, [nodeNamed('node1'), nodeNamed('node2')]);
    const one = await session(agents, 'node1');
    await session(agents, 'node2');
    expect((await one.run('echo "$1"', { args: ['hi'], timeoutMs: 3000 })).stdout.toString()).to.equal('hi\n');
    expect(kubelet.created.map(nodeOf)).to.have.members(['node1', 'node2']);
    expect(await agents.stop()).to.deep.equal([]);
    expect(kubelet.pods.size).to.equal(0);
    expect(kubelet.deleted.every((call) => call.endsWith('?gracePeriodSeconds=0'))).to.equal(true);
  });

  it('carry owner, session, deadline and least rights', async () => {
    const kubelet = fakeKubelet();
    const agents = await start(kubelet, [nodeNamed('node1')], { pullSecrets: ['regcred'], pullPolicy: 'Never' });
    await session(agents, 'node1');
    await agents.stop();
    const [{ metadata, spec } = {}] = kubelet.created;
    expect(metadata?.name).to.match(/^netdoctor-agent-[a-z0-9]{8}$/);
    expect(metadata?.labels).to.include({ 'app.kubernetes.io/managed-by': 'kubectl-netdoctor' });
    expect(metadata?.annotations?.['kubectl-netdoctor/owner']).to.match(/^alice \(.+@.+\)$/);
    expect(spec).to.deep.include({
      hostNetwork: true,
      hostPID: true,
      restartPolicy: 'Never',
      activeDeadlineSeconds: 300,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      tolerations: [{ operator: 'Exists' }],
      imagePullSecrets: [{ name: 'regcred' }],
    });
    const [container] = spec?.containers ?? [];
    expect(container).to.include({ image: options.image, imagePullPolicy: 'Never' });
    expect(container?.securityContext?.privileged).to.equal(undefined);
    expect(container?.securityContext?.capabilities?.drop).to.deep.equal(['ALL']);
  });

  it('go on on other nodes when one cannot pull the image', async () => {
    const waiting = { reason: 'ErrImagePull', message: 'failed to pull and unpack image "x": failed to resolve reference "x": not found' };
    const kubelet = fakeKubelet({ state: (agent) => (nodeOf(agent) === 'node2' ? { waiting } : { running: {} }) });
    const agents = await start(kubelet, [nodeNamed('node1'), nodeNamed('node2')]);
    await session(agents, 'node1');
    const { reason, message } = await problem(agents, 'node2');
    expect(reason).to.equal('image');
    expect(message).to.match(/^node2: image registry\.example\/agent:1 cannot be pulled \(ErrImagePull: not found\); use an image .* --image/);
    await agents.stop();
    expect(kubelet.pods.size).to.equal(0);
  });

  it('are not created where they cannot run', async () => {
    const kubelet = fakeKubelet();
    const agents = await start(kubelet, [
      nodeNamed('win', { os: 'windows' }),
      nodeNamed('sick', { ready: false, notReadyReason: 'KubeletNotReady: no CNI' }),
    ]);
    expect((await problem(agents, 'win')).message).to.equal('win: it runs windows; netdoctor reads Linux nodes only');
    expect((await problem(agents, 'sick')).message).to.equal('sick: the node is NotReady (KubeletNotReady: no CNI), no agent can start there');
    await agents.stop();
    expect(kubelet.created).to.deep.equal([]);
  });

  it('try again privileged when their rights turn out not to be enough', async () => {
    const kubelet = fakeKubelet({
      state: (agent) => (isPrivileged(agent) ? { running: {} } : { terminated: { exitCode: 77, message: "ls: cannot access '/proc/1/root/proc'" } }),
    });
    const agents = await start(kubelet, [nodeNamed('node1')]);
    await session(agents, 'node1');
    expect(kubelet.created.map(isPrivileged)).to.deep.equal([false, true]);
    await agents.stop();
    expect(kubelet.pods.size).to.equal(0);
  });

  it('that take too long are given up', async () => {
    const agents = await start(fakeKubelet({ state: () => ({ waiting: { reason: 'ContainerCreating' } }) }), [nodeNamed('node1')]);
    expect((await problem(agents, 'node1')).message).to.equal(
      'node1: the agent did not start within 0.4s (ContainerCreating); --agent-timeout allows more',
    );
    await agents.stop();
  });

  it('that the node refuses are reported in its words', async () => {
    const kubelet = fakeKubelet({
      state: () => ({ waiting: {} }),
      admit: (agent) =>
        void Object.assign(agent, { status: { phase: 'Failed', reason: 'OutOfpods', message: 'Node did not have enough resource: pods' } }),
    });
    const agents = await start(kubelet, [nodeNamed('node1')]);
    expect((await problem(agents, 'node1')).message).to.equal(
      'node1: the node refused the agent (OutOfpods: Node did not have enough resource: pods)',
    );
    await agents.stop();
  });

  it('that are still being created when the run ends are deleted too', async () => {
    const kubelet = fakeKubelet({ state: () => ({ waiting: { reason: 'ContainerCreating' } }) });
    const agents = await start(kubelet, [nodeNamed('node1'), nodeNamed('node2')]);
    while (kubelet.created.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await agents.stop()).to.deep.equal([]);
    expect((await problem(agents, 'node1')).reason).to.equal('stopped');
    expect(kubelet.pods.size).to.equal(0);
  });

  it('that cannot be deleted are named', async () => {
    const kubelet = fakeKubelet({ refuseDelete: true });
    const agents = await start(kubelet, [nodeNamed('node1')]);
    await session(agents, 'node1');
    expect(await agents.stop()).to.deep.equal(kubelet.created.map(({ metadata }) => metadata?.name));
  });

  it('take away what an earlier run of the same user left, and nothing else', async () => {
    const kubelet = fakeKubelet({ state: (agent) => (agent.status?.phase === 'Failed' ? { terminated: { exitCode: 0 } } : { running: {} }) });
    const agents = await start(kubelet, [nodeNamed('node1')]);
    await session(agents, 'node1');
    const owner = kubelet.created[0]?.metadata?.annotations?.['kubectl-netdoctor/owner'] ?? '';
    const add = (name: string, by: string, phase: string, process = 'elsewhere:1') =>
      kubelet.pods.set(name, {
        metadata: { name, namespace: 'kube-system', annotations: { 'kubectl-netdoctor/owner': by, 'kubectl-netdoctor/process': process } },
        status: { phase },
      });
    add('own-ended', owner, 'Failed');
    add('own-running', owner, 'Running');
    add('own-of-a-living-process', owner, 'Failed', `${hostname()}:${process.pid}`);
    add('foreign-ended', 'bob', 'Failed');
    await (await startAgents(client as ApiClient, [], options, preflight(client as ApiClient, options), createRegistry())).stop();
    const again = startAgents(client as ApiClient, [nodeNamed('node2')], options, preflight(client as ApiClient, options), createRegistry());
    await again.sessions.get('node2');
    await again.stop();
    expect([...kubelet.pods.keys()])
      .to.include.members(['own-running', 'own-of-a-living-process', 'foreign-ended'])
      .and.not.to.include('own-ended');
    await agents.stop();
  });
});

describe('the preflight of agents', () => {
  const refusedBy = async (setup: Parameters<typeof fakeKubelet>[0]): Promise<{ error: CliError; kubelet: FakeKubelet }> => {
    const kubelet = fakeKubelet(setup);
    return { error: await failure(preflight(await talkTo(kubelet.answer), options)), kubelet };
  };

  const rows: [string, string, RegExp][] = [
    [
      'Pod Security',
      'pods "x" is forbidden: violates PodSecurity "restricted:latest": host namespaces (hostNetwork=true, hostPID=true), runAsUser=0 (container "agent" must not set runAsUser=0)',
      /refused in namespace kube-system: violates PodSecurity "restricted:latest": host namespaces, runAsUser=0\nUse --agent-namespace .* privileged\. --agent ephemeral/,
    ],
    [
      'a quota',
      'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5',
      /exceeded quota: q.*\nUse --agent-namespace .* quota/,
    ],
    [
      'RBAC',
      'pods is forbidden: User "eve" cannot create resource "pods" in API group ""',
      /cannot create resource "pods".*\nAsk for the rights in docs\/rbac\.yaml/,
    ],
    [
      'OpenShift',
      'pods "x" is forbidden: unable to validate against any security context constraint: [...]',
      /\nAllow the default service account of kube-system/,
    ],
  ];
  for (const [who, message, expected] of rows)
    it(`names the refusal of ${who} and the way out, and creates nothing`, async () => {
      const { error, kubelet } = await refusedBy({ admit: () => status(403, 'Forbidden', message) });
      expect(error.message).to.match(expected);
      expect(error.exitCode).to.equal(4);
      expect(kubelet.created).to.deep.equal([]);
    });

  it('names the rights that are missing for the use of agents', async () => {
    const { error } = await refusedBy({ denied: ['create pods/exec', 'delete pods'] });
    expect(error.message).to.contain('you may not delete pods, create pods/exec\nAsk for the rights in docs/rbac.yaml');
  });

  it('takes privileged where only the list of capabilities is refused', async () => {
    const kubelet = fakeKubelet({
      admit: (agent) => (isPrivileged(agent) ? undefined : status(403, 'Forbidden', 'admission webhook denied: capabilities')),
    });
    expect((await preflight(await talkTo(kubelet.answer), options)).privileged).to.equal(true);
  });

  it('asks everything at once', async () => {
    const waiting: string[] = [];
    const kubelet = fakeKubelet();
    const to = await talkTo((call) => {
      waiting.push(call.path);
      return kubelet.answer(call);
    });
    await preflight(to, options);
    expect(api?.connections()).to.equal(6);
  });
});

describe('cleanup', () => {
  const leave = (kubelet: FakeKubelet, name: string, owner: string, process = 'elsewhere:1') =>
    kubelet.pods.set(name, {
      metadata: { name, namespace: 'kube-system', annotations: { 'kubectl-netdoctor/owner': owner, 'kubectl-netdoctor/process': process } },
      spec: { nodeName: 'node1', containers: [] },
    });

  it("removes this user's leftovers only, and everybody's when asked", async () => {
    const kubelet = fakeKubelet();
    const to = await talkTo(kubelet.answer);
    const agents = startAgents(to, [nodeNamed('node1')], options, preflight(to, options), createRegistry());
    await agents.sessions.get('node1');
    const owner = kubelet.created[0]?.metadata?.annotations?.['kubectl-netdoctor/owner'] ?? '';
    leave(kubelet, 'mine', owner);
    leave(kubelet, 'foreign', 'bob');
    const first = await cleanup(to, 'kube-system', { all: false });
    expect(first.removed.map(({ name }) => name)).to.deep.equal(['mine']);
    expect(first.kept.length, 'the running one of this process and the foreign one').to.equal(2);
    const second = await cleanup(to, 'kube-system', { all: true });
    expect(second.removed.length).to.equal(2);
    expect(kubelet.pods.size).to.equal(0);
    await agents.stop();
  });

  it('looks into the agent namespace where it may not look into all', async () => {
    const kubelet = fakeKubelet();
    leave(kubelet, 'foreign', 'bob');
    const to = await talkTo((call) => (call.path === '/api/v1/pods' ? status(403, 'Forbidden', 'no') : kubelet.answer(call)));
    expect((await cleanup(to, 'kube-system', { all: true })).removed.length).to.equal(1);
  });
});

describe('an ephemeral agent', () => {
  const target = podFacts(pod({ name: 'web-0', node: 'node1', ip: '10.244.1.5' }) as unknown as V1Pod);

  const patching = (
    admit: (body: string) => ReturnType<typeof status> | undefined,
  ): { answer: Handler; patches: { body: unknown; type: string | undefined }[] } => {
    const patches: { body: unknown; type: string | undefined }[] = [];
    let name = '';
    const answer: Handler = (call) => {
      if (call.method !== 'PATCH') return { body: { status: { ephemeralContainerStatuses: [{ name, state: { running: {} } }] } } };
      patches.push({ body: call.body, type: call.headers['content-type'] });
      name = (call.body as { spec: { ephemeralContainers: { name: string }[] } }).spec.ephemeralContainers[0]?.name ?? '';
      return admit(JSON.stringify(call.body)) ?? { body: {} };
    };
    return { answer, patches };
  };

  it("sees its pod only, with the network's rights", async () => {
    const { answer, patches } = patching(() => undefined);
    const result = await startEphemeral(await talkTo(answer), target, options);
    expect(result).to.include({ node: 'node1', reach: 'pod' });
    expect(patches[0]?.type).to.equal('application/strategic-merge-patch+json');
    expect(JSON.stringify(patches[0]?.body)).to.contain('"add":["NET_ADMIN","NET_RAW"]');
  });

  it('does with no rights at all where Pod Security is restricted', async () => {
    const { answer, patches } = patching((body) =>
      body.includes('NET_ADMIN') ? status(403, 'Forbidden', 'violates PodSecurity "restricted:latest"') : undefined,
    );
    expect(isProblem(await startEphemeral(await talkTo(answer), target, options))).to.equal(false);
    expect(JSON.stringify(patches[1]?.body)).to.contain('"runAsNonRoot":true');
  });

  it('says when the cluster knows no ephemeral containers, or this user may not add one', async () => {
    const unknown = patching(() => status(404, 'NotFound', 'the server could not find the requested resource'));
    expect((await failure(startEphemeral(await talkTo(unknown.answer), target, options))).message).to.equal(
      'error: ephemeral containers are disabled for this cluster',
    );
    client?.connection.close();
    await api?.close();
    const forbidden = patching(() =>
      status(403, 'Forbidden', 'pods "web-0" is forbidden: User "eve" cannot patch resource "pods/ephemeralcontainers"'),
    );
    expect((await failure(startEphemeral(await talkTo(forbidden.answer), target, options))).exitCode).to.equal(4);
    expect(forbidden.patches.length).to.equal(1);
  });
});

describe('a signal', () => {
  const setUp = (stop: () => Promise<string[]>) => {
    const handlers = new Map<string, () => void>();
    const fake = { on: (name: string, handler: () => void) => handlers.set(name, handler), off: (name: string) => handlers.delete(name) };
    const registry = createRegistry();
    registry.add(stop);
    const said: string[] = [];
    const exit = Promise.withResolvers<number>();
    stopOnSignals(fake as unknown as NodeJS.Process, { registry, stderr: { write: (text) => said.push(text) }, exit: exit.resolve });
    return { send: (name: string) => handlers.get(name)?.(), said, exit: exit.promise };
  };

  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    it(`${name} deletes the agents first, then exits with ${code}`, async () => {
      let stopped = false;
      const { send, exit } = setUp(async () => {
        stopped = true;
        return [];
      });
      send(name);
      expect(await exit).to.equal(code);
      expect(stopped).to.equal(true);
    });

  it('given twice exits at once and says how to clean up', async () => {
    const { send, said, exit } = setUp(() => new Promise(() => undefined));
    send('SIGINT');
    send('SIGINT');
    expect(await exit).to.equal(130);
    expect(said.join('')).to.contain('kubectl netdoctor cleanup');
  });

  it('names what could not be deleted', async () => {
    const { send, said, exit } = setUp(async () => ['netdoctor-agent-x']);
    send('SIGTERM');
    await exit;
    expect(said.join('')).to.equal('agent pods (netdoctor-agent-x) may be left behind: kubectl netdoctor cleanup removes them\n');
  });
});

describe('the agent image', () => {
  it('is the flag, the environment, or the one of images/agent', () => {
    expect(agentImage('a:1', { NETDOCTOR_IMAGE: 'b:2' })).to.equal('a:1');
    expect(agentImage(undefined, { NETDOCTOR_IMAGE: 'b:2' })).to.equal('b:2');
    expect(agentImage(undefined, {})).to.match(/\/agent:v\d/);
  });
});
