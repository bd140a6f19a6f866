import { join } from 'node:path';
import { expect } from 'chai';
import type { Finding } from '../../src/diagnosis/finding.ts';
import type { PathReport } from '../../src/report/report.ts';
import { faultNamed } from '../lab/faults/index.ts';
import { kubectl, lab } from './cluster.ts';
import { DROP_TABLE, type Placement, type Protocol, type Row } from './drop-table.ts';
import { HEALING_TIMEOUT, healed } from './heal.ts';
import { netdoctor } from './netdoctor.ts';

interface Question {
  placement: Placement;
  protocol: Protocol;
  family: 4 | 6;
}

interface Answer {
  exitCode: number | undefined;
  report: PathReport;
}

const clients: Record<Placement, string> = { 'cross node': 'client-node1', 'same node': 'client-node2' };
const usualPorts: Partial<Record<Protocol, number>> = { tcp: 8080, udp: 9999 };
const FAMILIES = [4, 6] as const;
const PROTOCOLS = ['tcp', 'udp', 'icmp'] as const;
const PLACEMENTS = ['cross node', 'same node'] as const;

const titleOf = ({ placement, protocol, family }: Question): string => `${placement}, ${protocol.toUpperCase()} over IPv${family}`;

/** What is asked at the same time: the rules of the faults count each client and each family apart. Where a fault must not be seen, one protocol is enough. */
const roundsOf = ({ place, families = [...FAMILIES], protocols = [...PROTOCOLS] }: Row): Question[][] =>
  protocols
    .map((protocol, round) =>
      PLACEMENTS.filter((placement) => round === 0 || place[placement]).flatMap((placement) =>
        families.map((family) => ({ placement, protocol, family })),
      ),
    )
    .filter((round) => round.length > 0);

const serverAddresses = async (): Promise<string[]> =>
  (await kubectl(['get', 'pod', '-n', 'demo', 'server-node2', '-o', 'jsonpath={.status.podIPs[*].ip}'])).split(' ');

const ask = async ({ fault = '', ports = usualPorts }: Row, { placement, protocol, family }: Question, addresses: string[]): Promise<Answer> => {
  const target = addresses.find((address) => address.includes(':') === (family === 6)) ?? '';
  const port = ports[protocol];
  const { exitCode, stdout, stderr } = await netdoctor([
    ...['path', '-n', 'demo', clients[placement], target, '--protocol', protocol, '-o', 'json'],
    ...(port === undefined ? [] : ['--port', String(port)]),
    ...saving(`${fault} ${titleOf({ placement, protocol, family })}`),
  ]);
  if (stdout === '') throw new Error(`netdoctor printed no document (exit code ${exitCode}): ${stderr}`);
  return { exitCode, report: JSON.parse(stdout) as PathReport };
};

const told = (findings: Finding[]): string =>
  findings
    .map(({ code, confidence, title, place, evidence }) =>
      [`${code} ${confidence} ${place?.node} ${place?.interface}: ${title}`, ...evidence].join('\n    '),
    )
    .join('\n  ');

const expectNamed = (
  { code, place, kernel, rule, uncounted, counter = /its counter rose by exactly/ }: Row,
  { placement }: Question,
  { exitCode, report }: Answer,
): void => {
  const [first] = report.findings;
  const said = told(report.findings);
  expect(first?.code, said).to.equal(code);
  expect(`${first?.place?.node ?? ''} ${first?.place?.interface ?? ''}`.trim(), said).to.match(place[placement] ?? /$./);
  expect(first?.confidence, said).to.equal('certain');
  if (kernel) expect(first?.evidence.join('\n'), said).to.match(kernel);
  if (rule) expect(first?.evidence.join('\n'), said).to.match(rule);
  if (rule && !uncounted) expect(first?.evidence.join('\n'), said).to.match(counter);
  expect(first?.fix, said).to.not.deep.equal([]);
  expect(report.disagreements, report.disagreements.join('; ')).to.deep.equal([]);
  expect(exitCode).to.equal(1);
};

const expectHealthy = ({ exitCode, report }: Answer): void => {
  expect(told(report.findings)).to.equal('');
  expect(report.disagreements, report.disagreements.join('; ')).to.deep.equal([]);
  expect(report.verdict).to.equal('healthy');
  expect(exitCode).to.equal(0);
};

/** Keeps a bundle of each question where this says so, to look into what a report said. */
const saving = (title: string): string[] =>
  process.env.NETDOCTOR_E2E_BUNDLES ? ['--save', join(process.env.NETDOCTOR_E2E_BUNDLES, `${title.replaceAll(/[^a-z0-9]+/gi, '-')}.tgz`)] : [];

/** Agents, and what a trace that was not ended would leave in the kernel. */
const leftBehind = async (): Promise<string[]> => {
  const agents = await kubectl(['get', 'pods', '-A', '-l', 'app.kubernetes.io/managed-by=kubectl-netdoctor', '-o', 'name']);
  const traces =
    (
      await lab?.nodeExec('node1', [
        'sh',
        '-c',
        'ls -d /proc/1/root/sys/kernel/tracing/instances/netdoctor-* /sys/kernel/tracing/instances/netdoctor-*; true',
      ])
    )?.stdout ?? '';
  return [agents, traces].flatMap((lines) => lines.split('\n')).filter((line) => line !== '');
};

describe('the drop table', function () {
  this.timeout(HEALING_TIMEOUT);
  let addresses: string[];
  before(async function () {
    if (!lab) return this.skip();
    addresses = await serverAddresses();
    return undefined;
  });

  for (const row of DROP_TABLE) {
    const fault = row.fault === undefined ? undefined : faultNamed(row.fault);
    describe(fault?.title ?? row.title ?? '', () => {
      const answers = new Map<string, Answer>();
      const rounds = roundsOf(row).map((round) => round.filter(({ family }) => !lab || lab.plan.families.includes(family)));

      before(async function () {
        if (!lab || fault?.appliesTo(lab.plan.options) === false) return this.skip();
        const refusal = await fault?.refusal?.(lab);
        if (refusal !== undefined) {
          process.stdout.write(`      skipped: ${refusal}\n`);
          return this.skip();
        }
        await fault?.inject(lab);
        for (const round of rounds) {
          const asked = await Promise.all(
            round.map(async (question): Promise<[string, Answer]> => [titleOf(question), await ask(row, question, addresses)]),
          );
          for (const [title, answer] of asked) answers.set(title, answer);
        }
        return undefined;
      });
      after(async () => {
        if (lab && fault?.appliesTo(lab.plan.options)) await healed(lab, fault);
      });

      for (const question of rounds.flat()) {
        const title = titleOf(question);
        it(`${title}: ${row.place[question.placement] ? row.code : 'healthy'}`, async () => {
          const answer = answers.get(title);
          if (!answer) throw new Error('it was not asked');
          if (!row.place[question.placement]) return expectHealthy(answer);
          try {
            return expectNamed(row, question, answer);
          } catch (error) {
            // four at a time keep two processors busy, and what the kernel says of a drop is missed now and then: alone it may not be
            process.stdout.write(`      asked again alone: ${error instanceof Error ? error.message.split('\n')[0] : error}\n`);
            return expectNamed(row, question, await ask(row, question, addresses));
          }
        });
      }
    });
  }

  describe('afterwards', () => {
    it('nothing is left behind', async () => expect(await leftBehind()).to.deep.equal([]));
  });
});
