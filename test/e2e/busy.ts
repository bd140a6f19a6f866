import type { PathReport } from '../../src/report/report.ts';

interface BusyCase {
  fault?: string;
  code?: string;
  /** It drops the others' packets, too, so that the kernel may have more to tell than is kept. */
  takesAll?: true;
}

/** Asked on a node full of others' packets and rules: the first code, none for a healthy way. */
export const BUSY: BusyCase[] = [
  {},
  { fault: 'forward-rule-drop', code: 'ND3003' },
  { fault: 'nft-ingress-drop', code: 'ND3003' },
  { fault: 'tc-egress-drop', code: 'ND3011' },
  { fault: 'own-pod-route-missing', code: 'ND3007', takesAll: true },
  { fault: 'vtep-mac-stale', code: 'ND2108', takesAll: true },
];

export const QUESTION = ['-n', 'demo', 'client-node1', 'server-node2'];

const EVENTS = /events of the kernel of \S+ were lost/;

/** What captures and traces could not keep up with, in the report's own words. */
export const lostOf = ({ hops, back, notChecked }: PathReport, { takesAll }: BusyCase): string[] => [
  ...[...hops, ...back].flatMap(({ notVisible }) => (notVisible !== undefined && /lost|full/.test(notVisible) ? [notVisible] : [])),
  ...notChecked.filter((line) => /lost/.test(line) && !(takesAll && EVENTS.test(line))),
];
