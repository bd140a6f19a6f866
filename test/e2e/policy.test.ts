import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { PolicyAssertReport, PolicyReport } from '../../src/report/policy/reports.ts';
import { enforcing } from '../lab/options.ts';
import { lab } from './cluster.ts';
import { document, netdoctor, path } from './netdoctor.ts';
import {
  apply,
  applySuggestion,
  CLIENT,
  connects,
  NEIGHBOUR,
  networkPolicy,
  SERVER,
  serversTakeWebOnly,
  untilConnects,
  withoutPolicies,
} from './policies.ts';
import { DENIALS } from './policy-denials.ts';

const plugin = lab && enforcing(lab.plan.options.backend);
const QUESTION = ['-n', 'demo', CLIENT, SERVER];

const policy = (args: string[]): Promise<PolicyReport> => document(['policy', ...args]);

describe('a policy that is enforced', function () {
  this.timeout(180_000);
  before(function () {
    if (!plugin) this.skip();
  });
  afterEach(withoutPolicies);

  for (const [title, client] of [
    ['from another node', CLIENT],
    ['from the same node', NEIGHBOUR],
  ] as const) {
    it(`denies what comes ${title}: path names it, the rule on the node, what that counted, and the kernel's drop`, async () => {
      await apply([serversTakeWebOnly]);
      await untilConnects(client, SERVER, false);
      const { findings, verdict, hops } = await path(['-n', 'demo', client, SERVER]);
      const [first, ...others] = findings;
      expect(`${first?.code} ${first?.confidence} ${first?.title}`)
        .to.match(/^ND5001 certain Dropped on node2 /)
        .and.include('NetworkPolicy demo/servers selects demo/server-node2')
        .and.include(`has no rule for demo/${client} at TCP 8080`);
      expect(others).to.deep.equal([]);
      expect(verdict).to.equal('broken');
      const evidence = first?.evidence.join('\n') ?? '';
      for (const pattern of DENIALS[plugin ?? 'felix'].ingress) expect(evidence).to.match(pattern);
      expect(evidence).to.match(/label app=client, wanted web/);
      expect(hops.findLast(({ seen }) => seen && seen.k > 0)?.dropped).to.include({ k: 5, n: 5, ...DENIALS[plugin ?? 'felix'].kernel });
      expect(first?.fix.join('\n')).to.include(`$ kubectl netdoctor policy demo/${client} demo/${SERVER} --port 8080 --suggest | kubectl apply -f -`);
    });
  }

  it('denies what a pod sends: the rule is on its own node', async () => {
    await apply([
      networkPolicy('clients', { matchLabels: { app: 'client' } }, { egress: [{ to: [{ podSelector: { matchLabels: { app: 'web' } } }] }] }),
    ]);
    await untilConnects(CLIENT, SERVER, false);
    const { findings } = await path(QUESTION);
    expect(`${findings[0]?.code} ${findings[0]?.confidence} ${findings[0]?.place?.node}`).to.equal('ND5001 certain node1');
    const evidence = findings[0]?.evidence.join('\n') ?? '';
    for (const pattern of DENIALS[plugin ?? 'felix'].egress) expect(evidence).to.match(pattern);
  });

  it('is judged, proven by probes, and allowed again by the policy that is suggested, which allows nobody else', async () => {
    expect(await policy(QUESTION)).to.include({ verdict: 'allowed' });
    await apply([serversTakeWebOnly]);
    await untilConnects(CLIENT, SERVER, false);
    const denied = await policy([...QUESTION, '--live']);
    expect(denied).to.include({ verdict: 'denied' });
    expect(denied.proof).to.deep.include({ answered: 0, sent: 5, agrees: true });
    expect(denied.findings.map(({ code, confidence }) => `${code} ${confidence}`)).to.deep.equal(['ND5001 certain']);
    expect((await netdoctor(['policy', ...QUESTION])).exitCode).to.equal(1);

    expect((await applySuggestion(QUESTION)).exitCode).to.equal(0);
    await untilConnects(CLIENT, SERVER, true);
    const allowed = await policy([...QUESTION, '--live']);
    expect(allowed).to.include({ verdict: 'allowed' });
    expect(allowed.proof).to.deep.include({ answered: 5, sent: 5, agrees: true });
    expect(allowed.findings).to.deep.equal([]);
    // the labels of the client at this port, and nothing else
    expect(await connects('server-node1', SERVER)).to.equal(false);
    expect(await policy([...QUESTION, '--protocol', 'icmp'])).to.include({ verdict: 'denied' });
  });

  it('is held to its word by --assert --live', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'netdoctor-assert-'));
    const file = join(directory, 'expected.yaml');
    await writeFile(
      file,
      [
        `- {from: demo/${CLIENT}, to: demo/${SERVER}, port: 8080, expect: deny}`,
        `- {from: demo/${NEIGHBOUR}, to: demo/${SERVER}, port: 8080, expect: deny}`,
        `- {from: demo/deploy/web, to: demo/${SERVER}, port: 8080, expect: allow}`,
        `- {from: demo/${CLIENT}, to: demo/svc/web, port: 80, expect: allow}`,
        '',
      ].join('\n'),
    );
    const ask = async (): Promise<{ exitCode: number | undefined; lines: string[] }> => {
      const { exitCode, stdout } = await netdoctor(['policy', '--assert', file, '--live', '-o', 'json']);
      const { assertions, by } = JSON.parse(stdout) as PolicyAssertReport;
      expect(by).to.equal('probes');
      return { exitCode, lines: assertions.map(({ from, to, got, pass }) => `${from} ${to} ${got} ${pass ? 'ok' : 'not ok'}`) };
    };
    try {
      await apply([serversTakeWebOnly]);
      await untilConnects(CLIENT, SERVER, false);
      expect(await ask()).to.deep.equal({
        exitCode: 0,
        lines: [
          `demo/${CLIENT} demo/${SERVER} deny ok`,
          `demo/${NEIGHBOUR} demo/${SERVER} deny ok`,
          `demo/deploy/web demo/${SERVER} allow ok`,
          `demo/${CLIENT} demo/svc/web allow ok`,
        ],
      });
      await withoutPolicies();
      expect(await ask()).to.deep.equal({
        exitCode: 1,
        lines: [
          `demo/${CLIENT} demo/${SERVER} allow not ok`,
          `demo/${NEIGHBOUR} demo/${SERVER} allow not ok`,
          `demo/deploy/web demo/${SERVER} allow ok`,
          `demo/${CLIENT} demo/svc/web allow ok`,
        ],
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
