import { expect } from 'chai';
import { CliError } from '../../../src/cluster/errors.ts';
import { distance, nearest } from '../../../src/cluster/words/nearest.ts';
import { resolveOne, resolvePair } from '../../../src/cluster/words/resolve.ts';
import { selectorText } from '../../../src/cluster/words/selector.ts';
import { parseWord } from '../../../src/cluster/words/word.ts';
import { objectReader } from './object-reader.ts';
import { sampleCluster } from './sample.ts';

const reader = () => objectReader(sampleCluster(), { hosts: { 'mongo.example.org': ['10.1.1.7', 'fd01::7'] } });

const failure = async (promise: Promise<unknown>): Promise<CliError> => {
  const error = await promise.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(CliError);
  return error as CliError;
};

describe('a word of the command line', () => {
  const object = (kind: string, namespace: string, name: string) => ({ is: 'object', kind, namespace, name });
  const rows: [string, Record<string, unknown>][] = [
    ['web-0', { target: { is: 'name', namespace: 'demo', name: 'web-0' } }],
    ['prod/web-0', { target: object('pods', 'prod', 'web-0') }],
    ['deploy/web', { target: object('deployments', 'demo', 'web') }],
    ['Deployment/web', { target: object('deployments', 'demo', 'web') }],
    ['prod/svc/web', { target: object('services', 'prod', 'web') }],
    ['node/node1', { target: object('nodes', 'demo', 'node1') }],
    ['job/x:80', { target: object('jobs', 'demo', 'x'), port: 80 }],
    ['10.0.0.1', { target: { is: 'address', ip: '10.0.0.1' } }],
    ['10.0.0.1:53', { target: { is: 'address', ip: '10.0.0.1' }, port: 53 }],
    ['fd00::1', { target: { is: 'address', ip: 'fd00::1' } }],
    ['[fd00::1]', { target: { is: 'address', ip: 'fd00::1' } }],
    ['[fd00::1]:53', { target: { is: 'address', ip: 'fd00::1' }, port: 53 }],
    ['svc/web:http', { target: object('services', 'demo', 'web'), port: 'http' }],
    ['http://web.prod:8080/x?y', { target: { is: 'host', namespace: 'demo', name: 'web.prod' }, port: 8080, protocol: 'tcp' }],
    ['https://[fd00::1]/', { target: { is: 'address', ip: 'fd00::1' }, port: 443, protocol: 'tcp' }],
    ['udp://10.0.0.1:53', { target: { is: 'address', ip: '10.0.0.1' }, port: 53, protocol: 'udp' }],
  ];
  for (const [text, expected] of rows) it(`${text}`, () => expect(parseWord(text, 'demo')).to.deep.equal({ text, ...expected }));

  const bad: [string, RegExp][] = [
    ['', /empty name/],
    ['a/b/c/d', /expected POD, NAMESPACE\/POD/],
    ['a/thing/c', /expected POD, NAMESPACE\/POD/],
    ['web:0', /port 0 is not between/],
    ['web:70000', /port 70000 is not between/],
    ['web:', /a port is expected/],
    ['ftp://x', /unknown scheme ftp/],
    ['[10.0.0.1]:80', /IPv6/],
    ['a:b:c', /neither an IPv6 address/],
    ['we b', /no name of a Kubernetes object/],
    ['$(reboot)', /no name of a Kubernetes object/],
    ['http://', /no valid URL/],
  ];
  for (const [text, why] of bad)
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseWord(text, 'demo'))
        .to.throw(CliError, why)
        .with.property('exitCode', 2);
    });
});

describe('the endpoint of a word', () => {
  const rows: [string, 'from' | 'to', Record<string, unknown>][] = [
    ['client', 'from', { kind: 'pod', label: 'demo/client', ips: ['10.244.1.10'] }],
    ['other/client', 'to', { kind: 'pod', label: 'other/client', ips: ['10.244.2.50'] }],
    ['web-b', 'to', { label: 'demo/web-b', ips: ['10.244.2.11', 'fd00::2:11'], ports: [{ name: 'web', port: 8080, protocol: 'tcp' }] }],
    [
      'web-b:9',
      'to',
      {
        ports: [
          { port: 9, protocol: 'tcp' },
          { port: 9, protocol: 'udp' },
          { port: 9, protocol: 'sctp' },
        ],
      },
    ],
    ['web-b:web', 'to', { ports: [{ name: 'web', port: 8080, protocol: 'tcp' }] }],
    ['deploy/web', 'to', { label: 'demo/web-a', chosen: 'deployment demo/web has 3 pods, took web-a on node1' }],
    ['sts/db', 'to', { label: 'demo/db-0' }],
    [
      'svc/web',
      'to',
      { kind: 'service', label: 'svc demo/web', ips: ['10.96.0.80', 'fd00:96::80'], ports: [{ name: 'http', port: 80, protocol: 'tcp' }] },
    ],
    ['svc/web', 'from', { kind: 'pod', label: 'demo/web-a', chosen: 'svc demo/web has 3 pods, took web-a on node1' }],
    ['svc/db', 'to', { kind: 'pod', label: 'demo/db-0', ports: [{ port: 5432, protocol: 'tcp' }] }],
    ['node/node2', 'to', { kind: 'node', label: 'node node2', ips: ['10.33.0.12'] }],
    ['10.244.2.11', 'to', { kind: 'pod', label: 'demo/web-b', chosen: '10.244.2.11 is pod demo/web-b' }],
    ['fd00::2:11', 'to', { kind: 'pod', label: 'demo/web-b', ips: ['fd00::2:11', '10.244.2.11'] }],
    ['fd00::9:9', 'to', { kind: 'external', label: 'fd00::9:9' }],
    ['10.33.0.12', 'to', { kind: 'node', label: 'node node2', chosen: '10.33.0.12 is node node2' }],
    ['10.33.0.11', 'to', { kind: 'node', label: 'node node1' }],
    ['10.96.0.80', 'to', { kind: 'service', label: 'svc demo/web' }],
    ['fd00:96::80', 'to', { kind: 'service', ips: ['fd00:96::80', '10.96.0.80'], chosen: 'fd00:96::80 is Service demo/web' }],
    ['10.244.1.99', 'to', { kind: 'external', chosen: '10.244.1.99 is in the pod range of node node1, no pod has it' }],
    ['10.244.1.66', 'to', { label: 'demo/twin-a', chosen: '2 pods hold 10.244.1.66: demo/twin-a, demo/twin-b; 10.244.1.66 is pod demo/twin-a' }],
    ['udp://8.8.8.8:53', 'to', { kind: 'external', label: '8.8.8.8', ports: [{ port: 53, protocol: 'udp' }] }],
    ['mongo.example.org', 'to', { kind: 'external', label: 'mongo.example.org', ips: ['10.1.1.7', 'fd01::7'] }],
    ['web.demo.svc.cluster.local', 'to', { kind: 'service', label: 'svc demo/web' }],
    ['web.demo.svc', 'to', { label: 'svc demo/web' }],
    ['http://web/', 'to', { label: 'svc demo/web', ports: [{ name: 'http', port: 80, protocol: 'tcp' }] }],
    ['http://web.demo', 'to', { label: 'svc demo/web' }],
    ['db-0.db.demo.svc.cluster.local', 'to', { kind: 'pod', label: 'demo/db-0' }],
    ['10-244-2-11.demo.pod.cluster.local', 'to', { label: 'demo/web-b' }],
  ];
  for (const [word, role, expected] of rows)
    it(`${word} as ${role}`, async () => {
      const endpoint = await resolveOne(reader(), 'demo', word, role);
      expect(endpoint).to.deep.include({ word, ...expected });
    });

  it('takes the replica on the other node', async () => {
    const { to } = await resolvePair(reader(), 'demo', { from: 'client', to: 'deploy/web' });
    expect(to.label).to.equal('demo/web-b');
    expect(to.chosen).to.equal('deployment demo/web has 3 pods, took web-b on node2');
  });

  it('chooses the source away from a target that has no choice', async () => {
    const { from } = await resolvePair(reader(), 'demo', { from: 'deploy/web', to: 'web-a' });
    expect(from.label).to.equal('demo/web-b');
  });

  it('never lists all pods of the cluster', async () => {
    const asking = reader();
    await resolvePair(asking, 'demo', { from: 'client', to: '10.96.0.80' });
    expect(asking.asked.filter((path) => path.startsWith('/api/v1/pods?') && !path.includes('Selector'))).to.deep.equal([]);
  });

  const bad: [string, 'from' | 'to', string, number][] = [
    ['clinet', 'from', 'Error from server (NotFound): pods "clinet" not found in namespace demo; did you mean client?', 5],
    ['web', 'from', 'Error from server (NotFound): pods "web" not found in namespace demo; did you mean svc/web or deploy/web?', 5],
    ['only-there', 'to', 'Error from server (NotFound): pods "only-there" not found in namespace demo; did you mean other/only-there?', 5],
    ['svc/wep', 'to', 'Error from server (NotFound): services "wep" not found in namespace demo; did you mean svc/web?', 5],
    ['deploy/wb', 'to', 'Error from server (NotFound): deployments.apps "wb" not found in namespace demo; did you mean deploy/web?', 5],
    ['node/node3', 'to', 'Error from server (NotFound): nodes "node3" not found; did you mean node/node1?', 5],
    ['zzzzzz', 'to', 'Error from server (NotFound): pods "zzzzzz" not found in namespace demo', 5],
    ['pending', 'to', 'error: pod demo/pending has no address yet (Pending; it is not scheduled to a node)', 5],
    ['pulling', 'from', 'error: pod demo/pulling has no address yet (Pending, ImagePullBackOff; on node node2)', 5],
    ['done', 'from', 'error: pod demo/done has finished (Succeeded), it has no network any more', 5],
    ['deploy/empty', 'to', 'error: deployment demo/empty has no pods', 5],
    ['web-b:grpc', 'to', 'error: pod demo/web-b has no port named "grpc"; it has web 8080/TCP', 2],
    ['client:http', 'to', 'error: pod demo/client has no port named "http"; it declares no ports', 2],
    ['svc/web:81', 'to', 'error: svc demo/web has no port 81; it has http 80/TCP', 2],
    ['svc/elsewhere', 'to', 'error: svc demo/elsewhere is only a name for db.example.org (ExternalName): ask for that instead', 2],
    ['8.8.8.8', 'from', 'error: "8.8.8.8" (8.8.8.8) is not in this cluster: nothing can be sent from there', 2],
    ['no.such.host', 'to', 'error: "no.such.host": there is no pod and no Service of this name, and lookup no.such.host: no such host', 5],
  ];
  for (const [word, role, message, exitCode] of bad)
    it(`${word} as ${role} is an error in one line`, async () => {
      const error = await failure(resolveOne(reader(), 'demo', word, role));
      expect(error.message).to.equal(message);
      expect(error.exitCode).to.equal(exitCode);
    });

  it('a refused look-up is what the server says', async () => {
    const refusing = objectReader(sampleCluster(), { refused: /pods/ });
    expect((await failure(resolveOne(refusing, 'demo', 'client'))).exitCode).to.equal(4);
  });
});

describe('the nearest name', () => {
  it('counts typing errors', () => {
    expect(distance('kitten', 'sitting')).to.equal(3);
    expect(distance('', 'abc')).to.equal(3);
    expect(distance('same', 'same')).to.equal(0);
  });
  const rows: [string, string[], string | undefined][] = [
    ['web', ['web-75b76b65bf-4mpt7', 'wep'], 'web-75b76b65bf-4mpt7'],
    ['clinet', ['client', 'server'], 'client'],
    ['x', ['yyy'], undefined],
    ['anything', [], undefined],
  ];
  for (const [typed, names, expected] of rows) it(`of ${typed} in ${names.join(', ')}`, () => expect(nearest(typed, names)).to.equal(expected));
});

describe('a label selector as text', () => {
  it('knows all operators', () =>
    expect(
      selectorText({
        matchLabels: { app: 'web' },
        matchExpressions: [
          { key: 'tier', operator: 'In', values: ['a', 'b'] },
          { key: 'env', operator: 'NotIn', values: ['dev'] },
          { key: 'x', operator: 'Exists' },
          { key: 'y', operator: 'DoesNotExist' },
        ],
      }),
    ).to.equal('app=web,tier in (a,b),env notin (dev),x,!y'));
});
