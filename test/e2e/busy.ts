import type { PathReport } from '../../src/report/report.ts';

/** Asked on a node full of others' packets and rules: the first code, none for a healthy way. */
export const BUSY: { fault?: string; code?: string }[] = [
  {},
  { fault: 'forward-rule-drop', code: 'ND3003' },
  { fault: 'nft-ingress-drop', code: 'ND3003' },
  { fault: 'tc-egress-drop', code: 'ND3011' },
  { fault: 'own-pod-route-missing', code: 'ND3007' },
  { fault: 'vtep-mac-stale', code: 'ND2108' },
];

export const QUESTION = ['-n', 'demo', 'client-node1', 'server-node2'];

/** What captures and traces could not keep up with, in the report's own words. */
export const lostOf = ({ hops, back, notChecked }: PathReport): string[] => [
  ...[...hops, ...back].flatMap(({ notVisible }) => (notVisible !== undefined && /lost|full/.test(notVisible) ? [notVisible] : [])),
  ...notChecked.filter((line) => /lost/.test(line)),
];
