import { expect } from 'chai';
import type { PathReport } from '../../src/report/report.ts';
import { enforcing } from '../lab/options.ts';
import { lab } from './cluster.ts';
import { type Asked, inEachFamily } from './families.ts';
import { path } from './netdoctor.ts';
import { applySuggestion, untilConnects } from './policies.ts';
import { POLICY_EXPECTED } from './policy-expected.ts';
import { ARRANGE, clearUp } from './policy-incidents.ts';

const plugin = lab && enforcing(lab.plan.options.backend);

const expectFound = ({ family, report: { findings } }: Answer, incident: string): void => {
  const expected = POLICY_EXPECTED[incident];
  const [first] = findings;
  expect(findings.map(({ code, confidence }) => `${code} ${confidence}`)).to.deep.equal([expected?.found]);
  expect(first?.title).to.match(expected?.title ?? /$./);
  if (plugin !== 'felix') return;
  const lines = first?.evidence ?? [];
  for (const pattern of expected?.evidence ?? [])
    expect(
      lines.some((line) => pattern.test(line)),
      `${pattern} in\n${lines.join('\n')}`,
    ).to.equal(true);
  // both families have rules of the same names
  expect(lines.join('\n').includes('ip6tables filter cali-')).to.equal(family === 6 && / filter cali-/.test(lines.join('\n')));
};

interface Answer extends Asked {
  report: PathReport;
}

/** By the target's name, and by its other address at the same time. */
const ask = async (incident: string): Promise<Answer[]> => {
  const [from = '', to = ''] = POLICY_EXPECTED[incident]?.question ?? [];
  return Promise.all((await inEachFamily(to)).map(async (asked) => ({ ...asked, report: await path([from, asked.word]) })));
};

describe('case 2: a policy isolates the namespace of the target from the ingress controller', function () {
  this.timeout(120_000);
  before(async function () {
    if (!plugin) return this.skip();
    return ARRANGE['namespace-isolated']?.();
  });
  after(async () => {
    if (plugin) await clearUp();
  });

  it('the policy, its rule on the node and what that counted are named, with what proves nothing', async () => {
    for (const answer of await ask('namespace-isolated')) {
      expectFound(answer, 'namespace-isolated');
      const { findings, checks } = answer.report;
      expect(findings[0]?.evidence.join('\n')).to.match(
        /NetworkPolicy demo\/workspace-isolation ingress\[0\]: no match: namespace ingress-nginx, wanted demo/,
      );
      expect(findings[0]?.notes.join('\n'))
        .to.match(/one that was open before it came goes on, so that a running ping or download proves nothing/)
        .and.match(/That a Service's own address answers a ping proves nothing/);
      expect(checks.map(({ request }) => request.purpose)).to.include.oneOf(['own-node-to-pod', 'far-node-to-pod']);
    }
  });

  it('the same by way of the Service, at its endpoints', async () => {
    for (const answer of await ask('namespace-isolated-service')) {
      expectFound(answer, 'namespace-isolated-service');
      expect(answer.report.findings[0]?.evidence.join('\n')).to.match(/policies deny it at the Service's other endpoints, too: demo\/web-/);
    }
  });

  it('the smallest policy that allows it does, and the controller alone', async () => {
    const { stdout, exitCode } = await applySuggestion(['ingress-nginx/controller', 'demo/web-node2']);
    expect(exitCode).to.equal(0);
    expect(stdout).to.match(/kubernetes\.io\/metadata\.name: ingress-nginx\n\s+podSelector:\n\s+matchLabels:\n\s+app: ingress-nginx\n/);
    await untilConnects('controller', 'web-node2', true, { namespace: 'ingress-nginx' });
  });
});

describe('a node that does not do what the policies say', function () {
  this.timeout(120_000);
  afterEach(async () => {
    if (plugin) await clearUp();
  });

  for (const incident of ['policy-not-yet-on-node', 'policy-of-yesterday-on-node', 'policy-deleted-rules-stay', 'pod-not-programmed']) {
    it(`${incident}: ${POLICY_EXPECTED[incident]?.found}`, async function () {
      const { only = plugin } = POLICY_EXPECTED[incident] ?? {};
      if (!plugin || only !== plugin) return this.skip();
      await ARRANGE[incident]?.();
      for (const answer of await ask(incident)) expectFound(answer, incident);
      return undefined;
    });
  }
});
