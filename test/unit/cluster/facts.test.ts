import type { V1EndpointSlice, V1Node, V1Pod, V1Service } from '@kubernetes/client-node';
import { expect } from 'chai';
import { createReader, replayReader } from '../../../src/cluster/api/reader.ts';
import { strip } from '../../../src/cluster/api/strip.ts';
import { ApiError } from '../../../src/cluster/errors.ts';
import { readCluster } from '../../../src/cluster/read/cluster.ts';
import { nodeFacts } from '../../../src/cluster/read/node.ts';
import { readNodes } from '../../../src/cluster/read/nodes.ts';
import { podFacts } from '../../../src/cluster/read/pod.ts';
import { endpointFacts, serviceFacts } from '../../../src/cluster/read/service.ts';
import { objectReader } from './object-reader.ts';
import { node, pod, sampleCluster, service } from './sample.ts';

describe('facts of API objects', () => {
  it('of a pod', () => {
    const raw = pod({
      name: 'web-0',
      node: 'node1',
      ip: '10.244.1.5',
      ips: ['fd00::5'],
      labels: { app: 'web' },
      waiting: 'CrashLoopBackOff',
      ports: [{ name: 'dns', containerPort: 53, protocol: 'UDP' }],
    });
    Object.assign(raw.metadata, {
      ownerReferences: [
        { kind: 'Node', name: 'x' },
        { kind: 'ReplicaSet', name: 'web', controller: true },
      ],
    });
    Object.assign(raw.spec, { runtimeClassName: 'kata' });
    expect(podFacts(raw as unknown as V1Pod)).to.deep.equal({
      namespace: 'demo',
      name: 'web-0',
      uid: 'uid-web-0',
      node: 'node1',
      ips: ['10.244.1.5', 'fd00::5'],
      hostNetwork: false,
      phase: 'Running',
      ready: true,
      deleting: false,
      labels: { app: 'web' },
      annotations: {},
      owner: 'ReplicaSet/web',
      containers: [
        { name: 'main', ports: [{ name: 'dns', port: 53, protocol: 'udp' }], ready: true, restarts: 2, reason: 'CrashLoopBackOff', id: 'abc' },
      ],
      runtimeClass: 'kata',
    });
  });

  it('of a pod that nobody has scheduled yet', () =>
    expect(podFacts({ metadata: { name: 'x', namespace: 'y', uid: 'u' }, spec: { containers: [{ name: 'c' }] } })).to.deep.include({
      ips: [],
      phase: 'Unknown',
      ready: false,
    }));

  it('of a node', () =>
    expect(nodeFacts(node('node1', '10.33.0.11', '10.244.1.0/24') as unknown as V1Node)).to.deep.include({
      name: 'node1',
      ips: ['10.33.0.11'],
      podCidrs: ['10.244.1.0/24'],
      ready: true,
      os: 'linux',
      taints: ['dedicated=db:NoSchedule'],
    }));

  it('of a node that is not ready: with the reason', () => {
    const raw = node('node1', '10.33.0.11', '10.244.1.0/24');
    const status = {
      ...raw.status,
      conditions: [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' }],
    };
    expect(nodeFacts({ ...raw, status } as unknown as V1Node)).to.include({
      ready: false,
      notReadyReason: 'NodeStatusUnknown: Kubelet stopped posting node status.',
    });
  });

  it('of a Service', () => {
    expect(serviceFacts(service('web', '10.96.0.80') as unknown as V1Service)).to.deep.include({
      clusterIps: ['10.96.0.80'],
      ports: [{ name: 'http', protocol: 'tcp', port: 80, targetPort: 'web' }],
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
    });
    expect(serviceFacts(service('db', 'None', { clusterIPs: ['None'] }) as unknown as V1Service).clusterIps).to.deep.equal([]);
  });

  it('of an EndpointSlice: absent conditions mean ready', () => {
    const slice = {
      metadata: { name: 'web-x', namespace: 'demo', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ port: 8080 }],
      endpoints: [
        { addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'web-0' } },
        { addresses: ['10.0.0.2'], conditions: { ready: false, serving: true, terminating: true }, nodeName: 'node2' },
      ],
    };
    const ports = [{ name: '', port: 8080, protocol: 'tcp' }];
    const of = { namespace: 'demo', name: 'web' };
    expect(endpointFacts(slice as V1EndpointSlice)).to.deep.equal([
      { service: of, ip: '10.0.0.1', ports, ready: true, serving: true, terminating: false, pod: { namespace: 'demo', name: 'web-0' } },
      { service: of, ip: '10.0.0.2', ports, ready: false, serving: true, terminating: true, node: 'node2' },
    ]);
  });
});

describe('reading the cluster', () => {
  it('brings what two nodes need and lists no more', async () => {
    const reader = objectReader(sampleCluster());
    const { facts } = await readCluster(reader, { nodes: ['node1'], serviceNamespaces: ['demo'] });
    expect(facts.nodes.map(({ name }) => name)).to.deep.equal(['node1']);
    expect(facts.pods.every((one) => one.node === 'node1')).to.equal(true);
    expect(facts.services.map(({ name }) => name)).to.include.members(['web', 'kube-dns']);
    expect(facts.notRead).to.deep.equal([]);
    expect(reader.asked.some((path) => path.includes('secrets'))).to.equal(false);
  });

  it('says what it was refused, and goes on', async () => {
    const reader = objectReader(sampleCluster(), { refused: /nodes|configmaps\/kube-proxy/ });
    const { facts } = await readCluster(reader, { nodes: 'all', serviceNamespaces: 'all' });
    expect(facts.notRead).to.deep.equal(['nodes: forbidden', 'configmap kube-system/kube-proxy: forbidden']);
    expect(facts.pods.length).to.equal(13);
  });

  it('of nodes alone does without the right to read them, not without the node', async () => {
    const [known] = await readNodes(objectReader(sampleCluster()), ['node1', 'node1']);
    expect(known?.ips).to.deep.equal(['10.33.0.11']);
    const [unread] = await readNodes(objectReader(sampleCluster(), { refused: /nodes/ }), ['node1']);
    expect(unread).to.include({ name: 'node1', ready: true, os: '' });
    const error = await readNodes(objectReader(sampleCluster()), ['node9']).catch((reason: unknown) => reason);
    expect((error as Error).message).to.equal('Error from server (NotFound): nodes "node9" not found');
  });

  it('ends when nobody is let in', async () => {
    const closed = { get: () => Promise.reject(new ApiError(401, 'Unauthorized', 'Unauthorized')), lookup: async () => [] };
    const error = await readCluster(closed, { nodes: 'all', serviceNamespaces: [] }).catch((reason: unknown) => reason);
    expect((error as Error).message).to.equal('error: You must be logged in to the server (Unauthorized)');
  });
});

describe('a record of what was read', () => {
  it('answers a replay exactly as the cluster did, refusals too', async () => {
    const source = objectReader(sampleCluster(), { refused: /configmaps/ });
    const live = createReader({ request: (_method, path, options) => source.get(path, options?.query) });
    const need = { nodes: ['node1', 'node2', 'node9'], serviceNamespaces: ['demo'] };
    const { facts } = await readCluster(live, need);
    const replayed = await readCluster(replayReader(JSON.parse(JSON.stringify(live.records()))), need);
    expect(replayed.facts).to.deep.equal(facts);
    expect(facts.notRead.length).to.be.above(0);
  });

  it('asks the same thing once', async () => {
    const source = objectReader(sampleCluster());
    const live = createReader({ request: (_method, path, options) => source.get(path, options?.query) });
    await Promise.all([live.get('/api/v1/nodes'), live.get('/api/v1/nodes'), live.get('/api/v1/nodes', {})]);
    expect(source.asked.length).to.equal(1);
  });

  it('says what the bundle does not hold', async () => {
    const error = await replayReader([])
      .get('/api/v1/nodes')
      .catch((reason: unknown) => reason);
    expect((error as Error).message).to.contain('the bundle holds no answer to GET /api/v1/nodes');
  });

  it('keeps no managedFields, no applied copies, no env values, no command lines', () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{"x":"s3cret"}', keep: 'me' };
    const containers = [
      {
        name: 'c',
        env: [
          { name: 'PASSWORD', value: 's3cret' },
          { name: 'REF', valueFrom: { secretKeyRef: { name: 's3cret' } } },
        ],
        args: ['--password=s3cret'],
      },
    ];
    const stripped = strip({
      items: [{ metadata: { managedFields: [{ f: 's3cret' }], annotations }, spec: { containers, initContainers: containers } }],
    });
    expect(JSON.stringify(stripped)).not.to.contain('s3cret');
    expect(stripped).to.deep.equal({
      items: [
        {
          metadata: { annotations: { keep: 'me' } },
          spec: {
            containers: [{ name: 'c', env: [{ name: 'PASSWORD' }, { name: 'REF' }] }],
            initContainers: [{ name: 'c', env: [{ name: 'PASSWORD' }, { name: 'REF' }] }],
          },
        },
      ],
    });
  });
});
