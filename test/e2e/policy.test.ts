import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { PolicyAssertReport, PolicyReport } from '../../src/report/policy/reports.ts';
import { waitFor } from '../lab/clock.ts';
import { enforcing } from '../lab/options.ts';
import { lab } from './cluster.ts';
import { type Asked, addressesOf, inEachFamily } from './families.ts';
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

/** To the server by its name and by its other address, at the same time. */
const inBoth = async <Answer>(client: string, ask: (question: string[]) => Promise<Answer>): Promise<(Asked & { answer: Answer })[]> =>
  Promise.all((await inEachFamily(SERVER)).map(async (asked) => ({ ...asked, answer: await ask(['-n', 'demo', client, asked.word]) })));

const tableOf = ({ family }: Asked): string => (family === 6 ? 'by ip6tables filter cali-' : 'by filter cali-');

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
      for (const { answer, ...asked } of await inBoth(client, path)) {
        const { findings, verdict, hops } = answer;
        const [first, ...others] = findings;
        expect(`${first?.code} ${first?.confidence} ${first?.title}`)
          .to.match(/^ND5001 certain Dropped on node2 /)
          .and.include('NetworkPolicy demo/servers selects demo/server-node2')
          .and.include(`has no rule for demo/${client} at TCP 8080`);
        expect(others).to.deep.equal([]);
        expect(verdict).to.equal('broken');
        const evidence = first?.evidence.join('\n') ?? '';
        for (const pattern of DENIALS[plugin ?? 'felix'].ingress) expect(evidence).to.match(pattern);
        if (plugin === 'felix') expect(evidence).to.include(tableOf(asked));
        expect(evidence).to.match(/label app=client, wanted web/);
        expect(hops.findLast(({ seen }) => seen && seen.k > 0)?.dropped).to.include({ k: 5, n: 5, ...DENIALS[plugin ?? 'felix'].kernel });
        expect(first?.fix.join('\n')).to.include(
          `$ kubectl netdoctor policy demo/${client} demo/${SERVER} --port 8080 --suggest | kubectl apply -f -`,
        );
      }
    });
  }

  it('denies what a pod sends: the rule is on its own node', async () => {
    await apply([
      networkPolicy('clients', { matchLabels: { app: 'client' } }, { egress: [{ to: [{ podSelector: { matchLabels: { app: 'web' } } }] }] }),
    ]);
    await untilConnects(CLIENT, SERVER, false);
    for (const { answer, ...asked } of await inBoth(CLIENT, path)) {
      const [first] = answer.findings;
      expect(`${first?.code} ${first?.confidence} ${first?.place?.node}`).to.equal('ND5001 certain node1');
      const evidence = first?.evidence.join('\n') ?? '';
      for (const pattern of DENIALS[plugin ?? 'felix'].egress) expect(evidence).to.match(pattern);
      if (plugin === 'felix') expect(evidence).to.include(tableOf(asked));
    }
  });

  it('denies in one family what a range of the other allows: each is judged, and proven, by itself', async function () {
    if (lab?.plan.families.length !== 2) return this.skip();
    const range = lab.plan.clusterCidr[4];
    await apply([
      networkPolicy(
        'servers',
        { matchLabels: { app: 'server' } },
        { ingress: [{ from: [{ ipBlock: { cidr: range, except: ['10.244.9.0/24'] } }] }] },
      ),
    ]);
    await waitFor('the nodes to follow', async () => (await connects(CLIENT, SERVER)).join() === 'true,false', { timeout: 30_000 });
    const both = await policy(QUESTION);
    expect(both).to.include({ verdict: 'mixed' });
    expect(both.flows.map(({ verdict, between }) => [verdict, between[0]?.addresses.join().includes(':')])).to.deep.equal([
      ['allowed', false],
      ['denied', true],
    ]);
    const proven = await Promise.all((await addressesOf(SERVER)).map((address) => policy(['-n', 'demo', CLIENT, address, '--live'])));
    expect(proven.map(({ verdict, proof }) => [verdict, proof?.answered, proof?.agrees])).to.deep.equal([
      ['allowed', 5, true],
      ['denied', 0, true],
    ]);
    expect((await applySuggestion(QUESTION)).exitCode).to.equal(0);
    await untilConnects(CLIENT, SERVER, true);
    return undefined;
  });

  it('is judged, proven by probes, and allowed again by the policy that is suggested, which allows nobody else', async () => {
    expect(await policy(QUESTION)).to.include({ verdict: 'allowed' });
    await apply([serversTakeWebOnly]);
    await untilConnects(CLIENT, SERVER, false);
    for (const { answer: denied } of await inBoth(CLIENT, (question) => policy([...question, '--live']))) {
      expect(denied).to.include({ verdict: 'denied' });
      expect(denied.proof).to.deep.include({ answered: 0, sent: 5, agrees: true });
      expect(denied.findings.map(({ code, confidence }) => `${code} ${confidence}`)).to.deep.equal(['ND5001 certain']);
    }
    expect((await netdoctor(['policy', ...QUESTION])).exitCode).to.equal(1);

    expect((await applySuggestion(QUESTION)).exitCode).to.equal(0);
    await untilConnects(CLIENT, SERVER, true);
    for (const { answer: allowed } of await inBoth(CLIENT, (question) => policy([...question, '--live']))) {
      expect(allowed).to.include({ verdict: 'allowed' });
      expect(allowed.proof).to.deep.include({ answered: 5, sent: 5, agrees: true });
      expect(allowed.findings).to.deep.equal([]);
    }
    // the labels of the client at this port, and nothing else
    expect(await connects('server-node1', SERVER)).to.not.include(true);
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
