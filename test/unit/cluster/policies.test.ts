import { expect } from 'chai';
import { bundleReader } from '../../../src/bundle/reader.ts';
import { readPath, objectReader as realObjects } from '../../../src/cluster/api/object-reader.ts';
import { type ApiReader, type ApiRecord, createReader } from '../../../src/cluster/api/reader.ts';
import { ApiError } from '../../../src/cluster/errors.ts';
import type { ApiObject } from '../../../src/cluster/facts.ts';
import { readCluster } from '../../../src/cluster/read/cluster.ts';
import { readPolicies } from '../../../src/cluster/read/policies.ts';

const object = (apiVersion: string, kind: string, name: string, more: object = {}): ApiObject => {
  const [first = '', second] = name.split('/');
  return { apiVersion, kind, metadata: second === undefined ? { name: first } : { namespace: first, name: second }, ...more };
};

const objects: ApiObject[] = [
  object('v1', 'Namespace', 'shop', {}),
  object('v1', 'Namespace', 'other', {}),
  object('v1', 'Pod', 'shop/web', { spec: { nodeName: 'node1' }, status: { podIP: '10.0.0.4', phase: 'Running' } }),
  object('networking.k8s.io/v1', 'NetworkPolicy', 'shop/web'),
  object('networking.k8s.io/v1', 'NetworkPolicy', 'other/web'),
  object('crd.projectcalico.org/v1', 'GlobalNetworkPolicy', 'default.all'),
  object('crd.antrea.io/v1beta1', 'ClusterNetworkPolicy', 'acnp'),
];

/** A reader, and what it was asked. */
const asking = (source: ApiReader, refused = /^$/): { reader: ApiReader; asked: string[] } => {
  const asked: string[] = [];
  return {
    asked,
    reader: {
      ...source,
      get: (path, query) => {
        asked.push(path);
        if (refused.test(path)) return Promise.reject(new ApiError(403, 'Forbidden', `${path} is forbidden`));
        return source.get(path, query);
      },
    },
  };
};

const cluster = realObjects(objects, { source: 'here' });

describe('the policies of a cluster', () => {
  it('are read by what the cluster serves, in the namespaces asked for and in none', async () => {
    const { reader, asked } = asking(cluster);
    const { policies, notRead } = await readPolicies(reader, ['shop']);
    expect(policies?.objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`)).to.deep.equal([
      'NetworkPolicy shop/web',
      'GlobalNetworkPolicy /default.all',
      'ClusterNetworkPolicy /acnp',
    ]);
    expect(policies?.namespaces.map(({ name }) => name)).to.deep.equal(['shop']);
    expect(notRead).to.deep.equal([]);
    expect(asked.filter((path) => /cilium|policy\.networking|\/v3\//.test(path))).to.deep.equal([]);
  });

  it('are read whole when all are asked for', async () => {
    const { policies } = await readPolicies(cluster, 'all');
    expect(policies?.objects.filter(({ kind }) => kind === 'NetworkPolicy')).to.have.length(2);
    expect(policies?.namespaces).to.have.length(2);
  });

  it('that may not be read are said to be forbidden', async () => {
    const { reader } = asking(cluster, /io\/v1\/.*\/networkpolicies|\/globalnetworkpolicies|namespaces\/shop$/);
    expect((await readPolicies(reader, ['shop'])).notRead.sort()).to.deep.equal([
      'globalnetworkpolicies.crd.projectcalico.org: forbidden',
      'namespaces: forbidden',
      'networkpolicies.networking.k8s.io: forbidden',
    ]);
  });

  it('are not asked for by a run that does not need them', async () => {
    const { reader, asked } = asking(cluster);
    expect((await readCluster(reader, { nodes: [], serviceNamespaces: ['shop'] })).facts.policies).to.equal(undefined);
    expect(asked.filter((path) => /polic/.test(path))).to.deep.equal([]);
  });
});

describe('a bundle', () => {
  const recordOf = async (ask: (reader: ApiReader) => Promise<unknown>): Promise<ApiRecord[]> => {
    const reader = createReader({ request: (_method, path, options) => cluster.get(path, options?.query) });
    await ask(reader);
    return reader.records();
  };

  it('answers what another command asks, from the lists that it holds whole', async () => {
    const reader = bundleReader(await recordOf((one) => readPolicies(one, 'all')));
    const answer = await reader.get<{ items: ApiObject[] }>('/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies');
    expect(answer.items.map(({ metadata }) => metadata.name)).to.deep.equal(['web']);
    expect((await readPolicies(reader, ['shop'])).policies?.objects).to.have.length(3);
  });

  it('does not pass a part of a list for all of it', async () => {
    const reader = bundleReader(await recordOf((one) => readPolicies(one, ['shop'])));
    const refused = await reader.get('/apis/networking.k8s.io/v1/networkpolicies').then(
      () => 'an answer',
      (error: unknown) => (error instanceof ApiError ? error.status : 'another error'),
    );
    expect(refused).to.equal(404);
  });

  it('of a run that knew no policies has none, and says nothing of them', async () => {
    const reader = bundleReader(await recordOf((one) => one.get('/api/v1/namespaces/shop/pods/web')));
    expect(await readPolicies(reader, ['shop'])).to.deep.equal({ notRead: [] });
  });
});

describe('a path of the API', () => {
  it('is read as what it asks for', () => {
    expect(readPath('/api/v1/namespaces/shop/pods/web')).to.include({ kind: 'Pod', namespace: 'shop', name: 'web' });
    expect(readPath('/api/v1/namespaces/shop')).to.include({ kind: 'Namespace', name: 'shop' });
    expect(readPath('/apis/apps/v1/deployments')).to.deep.equal({ groupVersion: 'apps/v1', plural: 'deployments', kind: 'Deployment' });
    expect(readPath('/version')).to.equal(undefined);
  });
});

describe('an API made of objects', () => {
  const labelled = ['a', 'b', 'c'].map((name) => ({
    ...object('v1', 'Pod', `shop/${name}`),
    metadata: { namespace: 'shop', name, labels: { app: name } },
  }));
  const reader = realObjects(labelled, { source: 'here' });
  const select = async (labelSelector: string): Promise<string> =>
    (await reader.get<{ items: ApiObject[] }>('/api/v1/namespaces/shop/pods', { labelSelector })).items.map(({ metadata }) => metadata.name).join('');

  it('selects by labels as the real one does', async () => {
    expect(await select('app=a')).to.equal('a');
    expect(await select('app in (a,c)')).to.equal('ac');
    expect(await select('app notin (a)')).to.equal('bc');
    expect(await select('app')).to.equal('abc');
    expect(await select('!app')).to.equal('');
    expect(await select('app,!tier')).to.equal('abc');
  });
});
