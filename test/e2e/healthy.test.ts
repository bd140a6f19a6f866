import { expect } from 'chai';
import type { PathReport } from '../../src/report/report.ts';
import { findSubjects, lab, nameOf, type Subjects } from './cluster.ts';
import { inEachFamily } from './families.ts';
import { path } from './netdoctor.ts';

/** A healthy path: answered, nothing found, every predicted hop that captures can recognise crossed by every probe. */
const expectHealthy = (report: PathReport, asked: string): void => {
  expect(
    report.findings.map(({ code, title }) => `${code} ${title}`),
    asked,
  ).to.deep.equal([]);
  expect(report.verdict, asked).to.equal('healthy');
  expect(report.disagreements, asked).to.deep.equal([]);
  expect(report.hops, asked).to.not.deep.equal([]);
  const missed = [...report.hops, ...report.back].filter(({ seen }) => seen && seen.k !== seen.n);
  expect(
    missed.map(({ node, where, interface: name, seen }) => `${node} ${where} ${name} ${seen?.k}/${seen?.n}`),
    asked,
  ).to.deep.equal([]);
};

/** Where the target has addresses of both families, in both at the same time; one that is given as an address, or a name of DNS, is asked as it is. */
const askHealthy = async (from: string, to: string, ...flags: string[]): Promise<void> => {
  const words = /[.:]/.test(to) ? [to] : (await inEachFamily(to)).map(({ word }) => word);
  const asked = words.map((word) => ['-n', 'demo', from, word, ...flags]);
  const reports = await Promise.all(asked.map((args) => path(args)));
  for (const [index, report] of reports.entries()) expectHealthy(report, asked[index]?.join(' ') ?? '');
};

const named = (text: string, subjects: Subjects): string =>
  text.replace(/<(client|neighbour|server)(?:\.(ip|node))?>/g, (_, who: keyof Subjects, what?: string) => {
    const pod = subjects[who];
    if (what === 'ip') return pod.status.podIP ?? '';
    return what === 'node' ? (pod.spec.nodeName ?? '') : nameOf(pod);
  });

describe('a healthy cluster', () => {
  let subjects: Subjects;
  before(async () => {
    subjects = await findSubjects();
  });

  const anywhere: [title: string, args: [from: string, to: string, ...flags: string[]]][] = [
    ['pod to pod on another node', ['<client>', '<server>']],
    ['pod to pod on the same node', ['<client>', '<neighbour>']],
    ['pod to pod by ping', ['<client>', '<server>', '--protocol', 'icmp']],
    ['pod to an address that is a pod', ['<client>', '<server.ip>']],
    ['pod to its own node', ['<client>', 'node/<client.node>']],
    ['pod to another node', ['<client>', 'node/<server.node>']],
    ['node to pod on another node', ['node/<client.node>', '<server>']],
    ['node to its own pod', ['node/<client.node>', '<neighbour>']],
    ['node to node', ['node/<client.node>', 'node/<server.node>']],
    ['pod to itself', ['<client>', '<client>', '--protocol', 'icmp']],
  ];
  for (const [title, args] of anywhere) {
    it(`${title}: nothing found`, async () => {
      const [from, to, ...flags] = args;
      await askHealthy(named(from, subjects), named(to, subjects), ...flags);
    });
  }

  const onLab: [title: string, args: [from: string, to: string]][] = [
    ['pod to Service', ['client-node1', 'svc/web']],
    ['pod to Service by DNS name', ['client-node1', 'web.demo.svc.cluster.local:80']],
    ['pod to headless Service', ['client-node1', 'svc/web-headless']],
    ['pod to UDP Service', ['client-node1', 'svc/echo']],
    ['node to Service', ['node/node1', 'svc/web']],
    ['replica to its own Service', ['deploy/web', 'svc/web']],
    ['pod to cluster DNS', ['client-node1', 'kube-system/svc/kube-dns']],
    ['host-network pod to pod', ['host-node1', 'server-node2']],
    ['pod to host-network pod', ['client-node2', 'host-node1']],
  ];
  for (const [title, args] of onLab) {
    it(`${title}: nothing found`, async function () {
      if (!lab) return this.skip();
      return askHealthy(...args);
    });
  }

  it('pod to an address outside: nothing found', async function () {
    if (!lab) return this.skip();
    const { external, families } = lab.plan;
    const outside = families.map((family) => (family === 6 ? `[${external.address[6]}]:8080` : `${external.address[4]}:8080`));
    await Promise.all(outside.map((address) => askHealthy('client-node1', address)));
    return undefined;
  });
});
