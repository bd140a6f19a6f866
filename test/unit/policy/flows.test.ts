import { expect } from 'chai';
import type { ClusterFacts, EndpointFacts, ServiceFacts } from '../../../src/cluster/facts.ts';
import { judgePair } from '../../../src/doctor/policy/judge-pair.ts';
import type { End } from '../../../src/policy/end.ts';
import { engineOf } from '../../../src/policy/engine.ts';
import { flowsOf } from '../../../src/policy/flows.ts';
import { factsOf } from './world.ts';

type Source = Exclude<End, { is: 'service' }>;

const pods = (facts: ClusterFacts, prefix: string): Extract<End, { is: 'pods' }> => ({
  is: 'pods',
  word: prefix,
  label: prefix,
  pods: facts.pods.filter(({ namespace, name }) => `${namespace}/${name}`.startsWith(prefix)),
});

/** `shop/web-0 10.0.0.4 → shop/db-0 10.0.0.9 tcp 80 (2 × 1)` */
const flows = (facts: ClusterFacts, from: Source, to: End, port = 80): string[] =>
  flowsOf(engineOf(facts, 'antrea'), facts, from, to, { protocol: 'tcp', port }).map(
    ({ flow, sources, destinations }) =>
      `${flow.from.label} ${flow.from.addressText ?? '-'} → ${flow.to.label} ${flow.to.addressText ?? '-'} ${flow.port}${flow.hairpin ? ' back' : ''} (${sources} × ${destinations})`,
  );

const service: ServiceFacts = {
  namespace: 'shop',
  name: 'db',
  type: 'ClusterIP',
  clusterIps: ['10.96.0.7'],
  externalIps: [],
  selector: { app: 'db' },
  ports: [{ name: 'pg', protocol: 'tcp', port: 80, targetPort: 'pg' }],
  internalTrafficPolicy: 'Cluster',
  sessionAffinity: 'None',
};

const endpoint = (ip: string, ready = true): EndpointFacts => ({
  service: { namespace: 'shop', name: 'db' },
  ip,
  ports: [{ name: 'pg', port: 5432, protocol: 'tcp' }],
  ready,
  serving: ready,
  terminating: false,
});

const toService = (facts: ClusterFacts): Extract<End, { is: 'service' }> => ({
  is: 'service',
  word: 'svc/db',
  label: 'svc shop/db',
  service,
  pods: pods(facts, 'shop/db').pods,
});

describe('the packets that a question is about', () => {
  it('are one for all replicas that no policy can tell apart', () => {
    const facts = factsOf({
      pods: ['shop/web-0 app=web 10.0.0.4', 'shop/web-1 app=web 10.0.0.5', 'shop/web-2 app=web shard=2 10.0.0.6', 'shop/db-0 app=db 10.0.0.9'],
      policies:
        'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {podSelector: {matchLabels: {shard: "2"}}}\n',
    });
    expect(flows(facts, pods(facts, 'shop/web'), pods(facts, 'shop/db'))).to.deep.equal([
      'shop/web-0 10.0.0.4 → shop/db-0 10.0.0.9 80 (2 × 1)',
      'shop/web-2 10.0.0.6 → shop/db-0 10.0.0.9 80 (1 × 1)',
    ]);
  });

  it('are one in each family that both ends have', () => {
    const facts = factsOf({ pods: ['shop/web app=web 10.0.0.4 fd00::4', 'shop/db app=db 10.0.0.9 fd00::9', 'shop/old app=old 10.0.0.8'] });
    expect(flows(facts, pods(facts, 'shop/web'), pods(facts, 'shop/db'))).to.deep.equal([
      'shop/web 10.0.0.4 → shop/db 10.0.0.9 80 (1 × 1)',
      'shop/web fd00::4 → shop/db fd00::9 80 (1 × 1)',
    ]);
    expect(flows(facts, pods(facts, 'shop/old'), { is: 'outside', word: '', label: '', ips: ['fd00:1::1'] })).to.deep.equal([]);
  });

  it('go to the ready endpoints of a Service at their ports, whoever they are, and back to the sender', () => {
    const facts = factsOf({
      pods: ['shop/db-0 app=db 10.0.0.9', 'shop/db-1 app=db 10.0.0.10'],
      services: [service],
      endpoints: [endpoint('10.0.0.9'), endpoint('10.0.0.10', false), endpoint('192.168.0.2'), endpoint('172.16.0.1')],
    });
    expect(flows(facts, pods(facts, 'shop/db-0'), toService(facts))).to.deep.equal([
      'shop/db-0 10.0.0.9 → shop/db-0 10.0.0.9 5432 back (1 × 1)',
      'shop/db-0 10.0.0.9 → node node2 192.168.0.2 5432 (1 × 1)',
      'shop/db-0 10.0.0.9 → 172.16.0.1 172.16.0.1 5432 (1 × 1)',
    ]);
  });

  it('go to a pod that is an endpoint in both families once in each, and in no family that it is no endpoint in', () => {
    const facts = factsOf({
      pods: ['shop/web app=web 10.0.0.4 fd00::4', 'shop/db-0 app=db 10.0.0.9 fd00::9', 'shop/db-1 app=db 10.0.0.10 fd00::10'],
      services: [service],
      endpoints: ['10.0.0.9', '10.0.0.10', 'fd00::9', 'fd00::10'].map((ip) => endpoint(ip)),
    });
    expect(flows(facts, pods(facts, 'shop/web'), toService(facts))).to.deep.equal([
      'shop/web 10.0.0.4 → shop/db-0 10.0.0.9 5432 (1 × 2)',
      'shop/web fd00::4 → shop/db-0 fd00::9 5432 (1 × 2)',
    ]);
    const only4 = { ...facts, endpoints: facts.endpoints.slice(0, 2) };
    expect(flows(only4, pods(only4, 'shop/web'), toService(only4))).to.deep.equal(['shop/web 10.0.0.4 → shop/db-0 10.0.0.9 5432 (1 × 2)']);
    expect(flows(facts, pods(facts, 'shop/web'), { ...toService(facts), address: 'fd00:96::7' })).to.deep.equal([
      'shop/web fd00::4 → shop/db-0 fd00::9 5432 (1 × 2)',
    ]);
  });

  it('go to the pods that a Service would have, where nobody wrote its endpoints down', () => {
    const facts = factsOf({
      pods: ['shop/web app=web 10.0.0.4', 'shop/db-0 app=db :pg=5432 10.0.0.9', 'shop/db-1 app=db :pg=5433 10.0.0.10'],
      services: [service],
    });
    expect(flows(facts, pods(facts, 'shop/web'), toService(facts))).to.deep.equal([
      'shop/web 10.0.0.4 → shop/db-0 10.0.0.9 5432 (1 × 1)',
      'shop/web 10.0.0.4 → shop/db-1 10.0.0.10 5433 (1 × 1)',
    ]);
  });

  it('of an address are those of the pod or node that holds it', () => {
    const facts = factsOf({ pods: ['shop/web app=web 10.0.0.4', 'shop/db app=db 10.0.0.9'] });
    const from: Source = { is: 'outside', word: '', label: '', ips: ['10.0.0.9', '192.168.0.1', '172.16.0.1'] };
    expect(flows(facts, from, pods(facts, 'shop/web'))).to.deep.equal([
      'shop/db 10.0.0.9 → shop/web 10.0.0.4 80 (1 × 1)',
      'node node1 192.168.0.1 → shop/web 10.0.0.4 80 (1 × 1)',
      '172.16.0.1 172.16.0.1 → shop/web 10.0.0.4 80 (1 × 1)',
    ]);
  });
});

describe('a verdict on several packets', () => {
  const block =
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: v4, namespace: shop}\nspec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}\n';
  const verdictOf = (policies: string): { verdict: string | undefined; flows: unknown } => {
    const facts = factsOf({ pods: ['shop/web app=web 10.0.0.4 fd00::4', 'shop/db app=db 10.0.0.9 fd00::9'], policies });
    const report = judgePair(
      { from: pods(facts, 'shop/web'), to: pods(facts, 'shop/db'), protocol: 'tcp', port: 80 },
      facts,
      { plugin: 'antrea', signs: [] },
      '2026-01-02T03:04:05Z',
    );
    return {
      verdict: report?.verdict,
      flows: report?.flows.map(({ verdict, between }) => [verdict, between.map(({ addresses }) => addresses.join(', '))]),
    };
  };

  it('is mixed where the families differ, each shown with its addresses', () => {
    expect(verdictOf(block)).to.deep.equal({
      verdict: 'mixed',
      flows: [
        ['allowed', ['10.0.0.4 → 10.0.0.9']],
        ['denied', ['fd00::4 → fd00::9']],
      ],
    });
  });

  it('is shown once where they agree', () => {
    expect(verdictOf('')).to.deep.equal({ verdict: 'allowed', flows: [['allowed', ['10.0.0.4 → 10.0.0.9, fd00::4 → fd00::9']]] });
  });
});
