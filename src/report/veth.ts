import type { Attachment } from '../topology/attachment.ts';
import { type Canvas, paint, plain } from './canvas.ts';
import { escapeLine } from './escape.ts';
import { renderFindings, renderNotChecked } from './findings.ts';
import type { VethReport, VethRow } from './report.ts';
import { type Column, renderTable } from './table.ts';

const COLUMNS: Column[] = [
  { head: 'NAMESPACE', shrinkTo: 9 },
  { head: 'POD', shrinkTo: 12 },
  { head: 'NODE', shrinkTo: 6 },
  { head: 'NETNS', shrinkTo: 10 },
  { head: 'PID', align: 'right' },
  { head: 'IFACE' },
  { head: 'HOST-IFACE', shrinkTo: 10 },
  { head: 'MAC', shrinkTo: 9 },
  { head: 'MTU', align: 'right' },
  { head: 'ATTACHED', shrinkTo: 12 },
  { head: 'HOST ROUTE', shrinkTo: 14 },
  { head: 'DROPS', align: 'right' },
  { head: 'ERRORS', align: 'right' },
];

const WIDE: Column[] = [
  { head: 'ADDRESSES', shrinkTo: 15 },
  { head: 'PEER MAC', shrinkTo: 9 },
  { head: 'PEER MTU', align: 'right' },
  { head: 'RX PACKETS', align: 'right' },
  { head: 'TX PACKETS', align: 'right' },
];

const attachedWord = ({ attached }: Attachment): string => {
  switch (attached.how) {
    case 'bridge':
      return `bridge ${attached.bridge} (${attached.portState})`;
    case 'ovs':
      return `OVS ${attached.bridge}${attached.ofport === undefined ? '' : ` port ${attached.ofport}`}`;
    case 'routed':
      return 'routed';
    case 'parent':
      return `${attached.kind} on ${attached.device}`;
    case 'loose':
      return attached.why;
  }
};

/** Both ends count: what the pod drops and what the node drops on its side. */
const sumOf = (attachment: Attachment, what: 'Dropped' | 'Errors'): string => {
  const ends = [attachment.interface.stats, attachment.peer?.stats].filter((stats) => stats !== undefined);
  if (ends.length === 0) return '-';
  return `${ends.reduce((sum, stats) => sum + stats[`rx${what}`] + stats[`tx${what}`], 0)}`;
};

const named = (end: { name: string; ifindex: number; up: boolean } | undefined): string =>
  end ? `${end.name} (${end.ifindex})${end.up ? '' : ' down'}` : '-';

const cellsOf = (row: VethRow, wide: boolean): string[] => {
  const { attachment } = row;
  const none = '-';
  const head = [row.namespace, row.pod, row.node ?? none];
  if (!attachment) return [...head, none, none, none, none, none, none, row.note ?? row.phase, ...Array(wide ? 8 : 3).fill(none)];
  return [
    ...head,
    attachment.netns,
    attachment.pid === undefined ? none : `${attachment.pid}`,
    named(attachment.interface),
    named(attachment.peer),
    attachment.interface.mac ?? none,
    `${attachment.interface.mtu}`,
    attachedWord(attachment),
    attachment.hostRoute ?? none,
    sumOf(attachment, 'Dropped'),
    sumOf(attachment, 'Errors'),
    ...(wide
      ? [
          attachment.interface.addresses.join(' '),
          attachment.peer?.mac ?? none,
          attachment.peer ? `${attachment.peer.mtu}` : none,
          attachment.interface.stats ? `${attachment.interface.stats.rxPackets}` : none,
          attachment.interface.stats ? `${attachment.interface.stats.txPackets}` : none,
        ]
      : []),
  ];
};

/** The table alone, then what disagrees. NAMESPACE is shown only where rows come from several. */
export const renderVeth = (report: VethReport, canvas: Canvas, view: { wide: boolean; noHeaders: boolean; allNamespaces: boolean }): string => {
  const all = view.wide ? [...COLUMNS, ...WIDE] : COLUMNS;
  const from = view.allNamespaces ? 0 : 1;
  const rows = report.rows.map((row) =>
    cellsOf(row, view.wide)
      .slice(from)
      .map((cell) => plain(canvas, escapeLine(cell))),
  );
  const table = renderTable(all.slice(from), rows, canvas, {
    noHeaders: view.noHeaders,
    ink: (cell, column) => (column.head === 'HOST-IFACE' && cell.endsWith(' down') ? paint(canvas, 'red', cell) : cell),
  });
  const strangers = (report.strangers ?? []).map((line) => plain(canvas, escapeLine(line))).join('\n');
  const sections = [
    rows.length === 0 && strangers !== '' ? '' : table,
    strangers,
    renderFindings(report.findings, canvas),
    renderNotChecked(report.notChecked, canvas),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
};
