import { type Canvas, paint } from '../canvas.ts';
import { renderFindings, renderNotChecked } from '../findings.ts';
import { type Column, renderTable, wrapText } from '../table.ts';
import { enforcementLine, head, say, sections } from './common.ts';
import type { PolicyView } from './pair.ts';
import type { Exposure, PeerGroup, PolicyPodReport } from './reports.ts';

const COLUMNS: Column[] = [
  { head: 'TRAFFIC', shrinkTo: 12 },
  { head: 'PODS', align: 'right' },
  { head: 'WHO', shrinkTo: 20 },
];

const MOST_NAMES = 12;

const whoText = ({ kind, who, traffic }: PeerGroup, all: readonly PeerGroup[], wide: boolean): string => {
  const ofKind = all.filter((other) => other.kind === kind);
  if (!wide && kind === 'pods' && traffic === 'none' && ofKind.length > 1) return 'all other pods';
  const shown = wide ? who : who.slice(0, MOST_NAMES);
  const rest = who.length - shown.length;
  const text = shown.join(', ') + (rest > 0 ? `, … ${rest} more (-o wide)` : '');
  return kind === 'outside' ? `outside: ${text}` : text;
};

const renderPeers = ({ peers }: Exposure, canvas: Canvas, { wide, noHeaders }: PolicyView): string =>
  renderTable(
    COLUMNS,
    peers.map((peer) =>
      [peer.traffic, peer.kind === 'pods' ? `${peer.count ?? 0}` : '-', whoText(peer, peers, wide)].map((cell) => say(canvas, cell)),
    ),
    canvas,
    {
      noHeaders,
      ink: (cell, column, row) => {
        const traffic = peers[row]?.traffic;
        return column.head === 'TRAFFIC' ? paint(canvas, traffic === 'none' ? 'red' : traffic === 'any' ? 'green' : 'yellow', cell) : cell;
      },
    },
  );

const selectedBy = ({ policies }: Exposure, canvas: Canvas): string =>
  wrapText(say(canvas, policies.length > 0 ? `Selected by ${policies.join(', ')}.` : 'No policy selects it.'), canvas, '', '  ');

/** `policy POD` as text. */
export const renderPolicyPod = (report: PolicyPodReport, canvas: Canvas, view: PolicyView): string => {
  const { pod, addresses, node, ingress, egress } = report;
  const at = addresses.length > 0 ? ` (${addresses.join(', ')}${node === undefined ? '' : ` on ${node}`})` : '';
  return sections([
    [head(`${pod}${at}`, canvas), enforcementLine(report.enforcement, canvas)].join('\n'),
    [head(`Who may reach ${pod}, at its ports`, canvas), selectedBy(ingress, canvas), renderPeers(ingress, canvas, view)].join('\n'),
    [head(`Whom ${pod} may reach, at their ports`, canvas), selectedBy(egress, canvas), renderPeers(egress, canvas, view)].join('\n'),
    renderFindings(report.findings, canvas),
    renderNotChecked(report.notChecked, canvas),
  ]);
};
