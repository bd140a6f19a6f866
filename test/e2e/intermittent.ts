import { expect } from 'chai';
import type { PathReport } from '../../src/report/report.ts';

export interface Intermittent {
  fault: string;
  /** Words of `path`. */
  question: string[];
  /** Throws when the report does not name the cause, or the place of the loss, with k of n. */
  expectNamed: (report: PathReport) => void;
}

const said = ({ findings: [first] }: PathReport): string => [first?.title, ...(first?.evidence ?? [])].join('\n');

/** Enough that one packet in ten is missed by none of them once in a hundred thousand runs only. */
const MANY = '100';

export const INTERMITTENT: Intermittent[] = [
  {
    fault: 'duplicate-address-intermittent',
    question: ['-n', 'demo', 'client-node1', 'server-node2'],
    expectNamed: (report) => {
      expect(report.findings[0]).to.include({ code: 'ND1101', confidence: 'certain' });
      expect(said(report))
        .to.match(/\d+ of 20 answered/)
        .and.match(/vethleaked/);
    },
  },
  {
    fault: 'random-drop',
    question: ['-n', 'demo', 'client-node1', 'server-node2', '--count', MANY],
    expectNamed: (report) => {
      const [first] = report.findings;
      expect(first).to.include({ code: 'ND3003', confidence: 'certain' });
      expect(first?.place?.node).to.equal('node2');
      expect(said(report))
        .to.match(/\d+ of 1\d\d answered/)
        .and.match(/numgen random mod 10/)
        .and.match(/the kernel of node2 dropped \d+ of 1\d\d for NETFILTER_DROP/);
    },
  },
];
