import { expect } from 'chai';
import { CliError } from '../../../src/cluster/errors.ts';
import { runAssertLive } from '../../../src/doctor/policy/run-assert-live.ts';
import { withProof } from '../../../src/doctor/policy/with-proof.ts';
import type { NodeDoor, OpenDoors } from '../../../src/doctor/ports.ts';
import type { RawCollection } from '../../../src/node/raw.ts';
import { parseAssertions } from '../../../src/policy/assertion/parse.ts';
import type { Outcome, ProbeRequest } from '../../../src/probe/probe.ts';
import type { AssertionReport } from '../../../src/report/policy/reports.ts';
import { portsOf } from '../policy/shop.ts';
import { deniedPair } from '../report/policy-sample.ts';
import { lostInUnderlay } from '../report/sample.ts';

const UID = (name: string): string => `00000000-0000-0000-0000-0000000000${name === 'web' ? '01' : '02'}`;

const pod = (name: string, node: string, ip: string): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop, uid: ${UID(name)}, labels: {app: ${name}}}
spec: {nodeName: ${node}, containers: [{name: main, ports: [{containerPort: 80}]}]}
status: {phase: Running, podIP: ${ip}}
`;

const node = (name: string, ip: string): string =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}}\nstatus: {addresses: [{type: InternalIP, address: ${ip}}]}\n`;

const CLUSTER = [pod('web', 'node1', '10.0.1.4'), pod('db', 'node2', '10.0.2.4'), node('node1', '192.168.0.1'), node('node2', '192.168.0.2')].join(
  '---\n',
);

/** A node on which the pod's process has number 100, and whose probes end as they are told. */
const door = (name: string, owner: string, outcomes: (request: ProbeRequest) => Outcome[], asked: ProbeRequest[]): NodeDoor => {
  const section = (section: string, text: string): RawCollection['sections'][number] => ({
    name: section,
    tool: 'image',
    status: 0,
    text,
    stderr: '',
  });
  const none = (): never => {
    throw new Error('only probes are sent');
  };
  return {
    node: name,
    reach: 'node',
    collect: async () => ({
      node: name,
      reach: 'node',
      sections: [section('meta', 'host 1\n'), section('processes', 'P 1 1\nP 2 100\n'), section('claims', `C 100 ${UID(owner)}\n`)],
    }),
    probe: async (requests) => {
      asked.push(...requests);
      return requests.map((request) => ({ request, attempts: outcomes(request).map((outcome) => ({ outcome })) }));
    },
    tap: none,
    traceRules: none,
    watchDrops: none,
  };
};

const assertLive = async (
  text: string,
  outcomes: (request: ProbeRequest) => Outcome[],
): Promise<{ all: AssertionReport[]; asked: ProbeRequest[] }> => {
  const { assertions } = parseAssertions({ file: 'a.yaml', text });
  const asked: ProbeRequest[] = [];
  const open: OpenDoors = async (requests) => requests.map(({ node: name }) => door(name, name === 'node1' ? 'web' : 'db', outcomes, asked));
  const report = await runAssertLive({ file: 'a.yaml', assertions, namespace: 'shop' }, { ...portsOf(CLUSTER), open });
  expect(report.by).to.equal('probes');
  return { all: report.assertions, asked };
};

describe('policy --assert --live', () => {
  it('sends from the pod to the pod, and from the node itself, all of one list at once', async () => {
    const { all, asked } = await assertLive(
      '- {from: web, to: db, expect: allow}\n- {from: node/node2, to: web, port: 81, expect: deny}\n',
      ({ port }) => (port === 80 ? ['answered', 'answered', 'refused'] : ['timeout', 'timeout', 'timeout']),
    );
    expect(all.map(({ got, pass }) => [got, pass])).to.deep.equal([
      ['allow', true],
      ['deny', true],
    ]);
    expect(asked.map(({ node: name, from, destination, protocol, port }) => [name, from, destination, protocol, port])).to.deep.equal([
      ['node1', { netns: 'pid', pid: 100 }, '10.0.2.4', 'tcp', 80],
      ['node2', { netns: 'host' }, '10.0.1.4', 'tcp', 81],
    ]);
  });

  it('says what came, and takes no side where it differs', async () => {
    const { all } = await assertLive('- {from: web, to: db, expect: allow}\n', () => ['answered', 'timeout', 'answered']);
    expect(all[0]).to.include({ got: 'unknown', pass: false });
    expect(all[0]?.why).to.deep.equal(['shop/web → shop/db: 2 of 3 answered (timeout): some get through and some do not']);
  });

  it('sends nothing from outside the cluster', async () => {
    const { all, asked } = await assertLive('- {from: 172.16.0.1, to: db, expect: deny}\n- {from: web, to: db, expect: allow}\n', () => ['answered']);
    expect(all.map(({ got, why }) => [got, why[0]])).to.deep.equal([
      ['unknown', 'nothing can be sent from 172.16.0.1 to shop/db'],
      ['allow', 'shop/web → shop/db: 1 of 1 answered'],
    ]);
    expect(asked).to.have.length(1);
  });

  it('ends with an error when no node can be entered', async () => {
    const { assertions } = parseAssertions({ file: 'a.yaml', text: '- {from: web, to: db, expect: allow}' });
    const open: OpenDoors = async (requests) => requests.map(({ node: name }) => ({ node: name, closed: 'no image' }));
    const said = await runAssertLive({ file: 'a.yaml', assertions, namespace: 'shop' }, { ...portsOf(CLUSTER), open }).then(
      () => 'an answer',
      (error: unknown) => (error instanceof CliError ? `${error.exitCode} ${error.message}` : 'another error'),
    );
    expect(said).to.equal('7 error: no node could be entered: node node1: no image');
  });
});

describe('policy A B --live', () => {
  it('holds the probes against the policies, and brings what path found', async () => {
    const path = lostInUnderlay();
    const { proof, findings } = withProof(await deniedPair(), path);
    expect(proof).to.deep.equal({ from: path.from.label, to: path.to.label, answered: 0, sent: path.checks[0]?.attempts.length, agrees: true });
    expect(findings.map(({ code }) => code)).to.deep.equal([...path.findings.map(({ code }) => code), 'ND5001']);
  });

  it('does not say denied beside the finding that it passes', async () => {
    const path = lostInUnderlay();
    const [finding] = path.findings;
    if (!finding) throw new Error('the sample has no finding');
    const passes = { ...finding, code: 'ND5003' };
    expect(withProof(await deniedPair(), { ...path, findings: [passes] }).findings).to.deep.equal([passes]);
  });
});
