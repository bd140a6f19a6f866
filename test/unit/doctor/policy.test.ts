import { expect } from 'chai';
import { CliError } from '../../../src/cluster/errors.ts';
import type { ApiObject } from '../../../src/cluster/facts.ts';
import { probeVerdict } from '../../../src/diagnosis/policy/probe-verdict.ts';
import { runAssert } from '../../../src/doctor/policy/run-assert.ts';
import { breaks, runDiff } from '../../../src/doctor/policy/run-diff.ts';
import { runMatrix } from '../../../src/doctor/policy/run-matrix.ts';
import { type PairRequest, runPair, runSuggest } from '../../../src/doctor/policy/run-pair.ts';
import { runPod } from '../../../src/doctor/policy/run-pod.ts';
import { parseAssertions } from '../../../src/policy/assertion/parse.ts';
import { manifestText } from '../../../src/policy/suggest/manifest.ts';
import type { Attempt, ProbeRequest } from '../../../src/probe/probe.ts';
import type { PolicyReport } from '../../../src/report/policy/reports.ts';
import { portsOf, SHOP } from '../policy/shop.ts';
import { objectsIn } from '../policy/world.ts';

const ask = (from: string, to: string, more: Partial<PairRequest> = {}, text = SHOP): Promise<PolicyReport> =>
  runPair({ from, to, namespace: 'shop', ...more }, portsOf(text));

const refusalOf = async (asked: Promise<unknown>): Promise<string> => {
  try {
    await asked;
  } catch (error) {
    if (error instanceof CliError) return error.message;
    throw error;
  }
  return 'no refusal';
};

describe('policy A B', () => {
  it('asks at the port that B declares, and all replicas of both', async () => {
    const report = await ask('deploy/web', 'sts/db');
    expect(report).to.include({ verdict: 'denied', protocol: 'tcp', port: 5432 });
    expect(report.flows.map(({ between }) => between)).to.deep.equal([
      [{ from: 'shop/web-0', to: 'shop/db-0', addresses: [], sources: 2, destinations: 2 }],
    ]);
  });

  it('names every policy that isolates, the nearest miss first, and what would allow it', async () => {
    const { findings } = await ask('deploy/web', 'sts/db');
    const [finding] = findings;
    expect(findings.map(({ code, severity }) => `${code} ${severity}`)).to.deep.equal(['ND5001 problem']);
    expect(finding?.title).to.equal('NetworkPolicy shop/db and NetworkPolicy shop/deny-all deny shop/web-0 → shop/db-0 TCP 5432, coming in.');
    expect(finding?.evidence).to.include('NetworkPolicy shop/db ingress[0]: no match: label app=web, wanted api');
    expect(finding?.fix[1]).to.equal('$ kubectl netdoctor policy shop/deployment/web shop/statefulset/db --port 5432 --suggest | kubectl apply -f -');
    expect(objectsIn(finding?.manifest ?? '')).to.have.length(1);
  });

  it('allows what a policy of the suggestion allows, once that is applied', async () => {
    const suggestion = await runSuggest({ from: 'deploy/web', to: 'svc/db', namespace: 'shop' }, portsOf(SHOP));
    const yaml = 'objects' in suggestion ? manifestText(suggestion.objects) : '';
    expect((await ask('deploy/web', 'svc/db', {}, `${SHOP}---\n${yaml}`)).verdict).to.equal('allowed');
    expect((await ask('other/deploy/job', 'svc/db', {}, `${SHOP}---\n${yaml}`)).verdict).to.equal('denied');
    expect((await ask('deploy/web', 'sts/db', { port: 5433 }, `${SHOP}---\n${yaml}`)).verdict).to.equal('denied');
  });

  it('judges a Service as its backends see it, at their port', async () => {
    const { flows } = await ask('deploy/web', 'svc/db');
    expect(flows.map(({ port, between }) => [port, between[0]?.to])).to.deep.equal([[5432, 'shop/db-0']]);
  });

  it('lets pods of one workload ask each other', async () => {
    expect((await ask('sts/db', 'sts/db')).flows[0]?.between[0]).to.include({ from: 'shop/db-0', to: 'shop/db-1' });
  });

  it('takes an address outside on either side', async () => {
    expect((await ask('10.1.2.3', 'svc/db')).verdict).to.equal('denied');
    expect((await ask('deploy/web', '10.1.2.3', { port: 443 })).verdict).to.equal('allowed');
  });

  it('says in one line what nobody can be asked about', async () => {
    expect(await refusalOf(ask('deploy/wob', 'sts/db'))).to.equal(
      'Error from server (NotFound): deployments.apps "wob" not found in namespace shop; did you mean deploy/web?',
    );
    expect(await refusalOf(ask('deploy/web', 'svc/db', { port: 'http' }))).to.equal('error: svc shop/db has no port named "http"');
    expect(await refusalOf(ask('deploy/web', 'svc/db', { port: 81 }))).to.equal(
      'error: svc shop/db has no ready pod behind this port: there is nobody whose policies could be asked',
    );
  });

  it('says what it takes for granted when nobody is known to enforce policies', async () => {
    expect((await ask('deploy/web', 'sts/db')).notChecked).to.include(
      'which plugin enforces policies: none was recognised, so that the text of the APIs counts (--cni names one)',
    );
    expect((await ask('deploy/web', 'sts/db', { cni: 'calico' })).notChecked).to.deep.equal([]);
  });

  it('finds policies that a plugin without enforcement leaves without effect', async () => {
    const { verdict, findings } = await ask('deploy/web', 'sts/db', { cni: 'flannel' });
    expect(verdict).to.equal('allowed');
    expect(findings.map(({ code, title }) => `${code} ${title}`)).to.deep.equal([
      'ND5005 flannel enforces no network policies: NetworkPolicy shop/deny-all and NetworkPolicy shop/db have no effect.',
    ]);
  });
});

describe('policy POD', () => {
  it('says who may talk to it and to whom it may talk, by namespaces, workloads and blocks', async () => {
    const blocks = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: egress, namespace: other}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]
    ports: [{port: 443}]
  - to: [{namespaceSelector: {matchLabels: {team: a}}, podSelector: {matchLabels: {app: web}}}]
`;
    const { ingress, egress, pod } = await runPod({ from: 'deploy/job', namespace: 'other' }, portsOf(SHOP + blocks));
    expect(pod).to.equal('other/job-0');
    expect(ingress).to.deep.equal({
      policies: [],
      restricted: true,
      peers: [
        { kind: 'pods', who: ['all pods of shop'], traffic: 'any', count: 4 },
        { kind: 'pods', who: ['other/deploy/job'], traffic: 'none', count: 1 },
        { kind: 'outside', who: ['0.0.0.0/0'], traffic: 'any' },
      ],
    });
    expect(egress.policies).to.deep.equal(['NetworkPolicy other/egress']);
    expect(egress.peers.map(({ who, traffic }) => `${who.join(', ')}: ${traffic}`)).to.deep.equal([
      'all pods: none',
      '10.0.0.0/8 except 10.1.0.0/16: TCP 443',
      '0.0.0.0/0 except 10.0.0.0/8, 10.1.0.0/16: none',
    ]);
  });
});

describe('policy --matrix', () => {
  it('groups what policies treat alike, in one namespace or in all', async () => {
    const all = await runMatrix({}, portsOf(SHOP));
    expect(all.groups.map(({ members, pods }) => [members, pods])).to.deep.equal([
      [['other/deploy/job'], 2],
      [['all pods of shop'], 4],
      [['0.0.0.0/0'], 0],
    ]);
    expect(all.cells.map((row) => row.map((cell) => all.traffic[cell]))).to.deep.equal([
      ['any', 'none', 'any'],
      ['any', 'none', 'any'],
      ['any', 'none', 'any'],
    ]);
    const own = await runMatrix({ namespace: 'other' }, portsOf(SHOP));
    expect(own.groups.map(({ name }) => name)).to.deep.equal(['other/deploy/job', 'outside 0.0.0.0/0']);
  });
});

describe('policy --diff', () => {
  const diff = (yaml: string): ReturnType<typeof runDiff> => runDiff({ files: ['new.yaml'], objects: objectsIn(yaml) }, portsOf(SHOP));

  it('tells what is gained, and breaks nothing then', async () => {
    const report = await diff(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: pg}]}]}
`);
    expect(report.objects).to.deep.equal([{ object: 'NetworkPolicy shop/db', change: 'changed' }]);
    expect(report.changes).to.deep.equal([
      { from: ['shop/deploy/web'], to: ['shop/sts/db'], before: 'none', after: 'TCP 5432', lost: 'none', gained: 'TCP 5432' },
    ]);
    expect(breaks(report)).to.equal(false);
  });

  it('tells what is lost, of a namespace label, too', async () => {
    const report = await diff(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-team-b, namespace: other}
spec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}]}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: b}}
`);
    expect(report.changes.map(({ from, to, lost }) => `${from} → ${to}: ${lost}`)).to.deep.equal([
      'other/deploy/job,outside 0.0.0.0/0 → other/deploy/job: any',
    ]);
    expect(breaks(report)).to.equal(true);
  });

  it('says what of the files is no policy', async () => {
    const workload: ApiObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'new', namespace: 'shop' } };
    const { notChecked, changes } = await runDiff({ files: [], objects: [workload] }, portsOf(SHOP));
    expect(changes).to.deep.equal([]);
    expect(notChecked).to.include('1 Deployment in the files: only policies are applied here, pods and Services stay as they are');
  });
});

describe('policy --assert', () => {
  it('holds what is expected against what the policies say, and fails alone what cannot be told', async () => {
    const text = `- {from: deploy/web, to: svc/db, expect: allow}
- {from: other/deploy/job, to: sts/db, port: pg, expect: deny, name: others stay out}
- {from: deploy/web, to: svc/nowhere, expect: allow}
`;
    const { assertions } = parseAssertions({ file: 'a.yaml', text });
    const report = await runAssert({ file: 'a.yaml', assertions, namespace: 'shop' }, portsOf(SHOP));
    expect(report.assertions.map(({ name, line, port, got, pass }) => [name, line, port, got, pass])).to.deep.equal([
      ['deploy/web → svc/db', 1, 5432, 'deny', false],
      ['others stay out', 2, 5432, 'deny', true],
      ['deploy/web → svc/nowhere', 3, undefined, 'unknown', false],
    ]);
    expect(report.assertions[0]?.why).to.deep.equal([
      'shop/db-0, ingress: NetworkPolicy shop/db and NetworkPolicy shop/deny-all select it, and no rule allows this',
    ]);
  });
});

describe('what probes say of policies', () => {
  const request = { protocol: 'tcp', destination: '10.0.0.5', fromLabel: 'a', toLabel: 'b' } as ProbeRequest;
  const says = (attempts: Attempt[], more: Partial<ProbeRequest> = {}): string => probeVerdict({ request: { ...request, ...more }, attempts }).got;

  it('an answer, and a closed port of the pod itself, got through', () => {
    expect(says([{ outcome: 'answered' }, { outcome: 'answered' }])).to.equal('allow');
    expect(says([{ outcome: 'refused' }])).to.equal('allow');
    expect(says([{ outcome: 'refused', from: '10.0.0.5' }], { protocol: 'udp' })).to.equal('allow');
  });

  it('silence, and an error that a node sent in its place, did not', () => {
    expect(says([{ outcome: 'timeout' }])).to.equal('deny');
    expect(says([{ outcome: 'prohibited', from: '192.168.0.2' }])).to.equal('deny');
    expect(says([{ outcome: 'refused', from: '192.168.0.2' }])).to.equal('deny');
    expect(says([{ outcome: 'refused', from: '192.168.0.2' }], { protocol: 'udp' })).to.equal('deny');
  });

  it('both at once, and what never was sent, say nothing', () => {
    expect(says([{ outcome: 'answered' }, { outcome: 'timeout' }])).to.equal('unknown');
    expect(says([{ outcome: 'no-route' }])).to.equal('unknown');
    expect(probeVerdict({ request, attempts: [], notRun: 'no tool' })).to.deep.equal({ got: 'unknown', why: 'a → b: not sent: no tool' });
  });
});
