import stringWidth from 'string-width';
import type { CapturedPacket, CapturePlace } from '../capture/packet.ts';
import type { PacketWriter } from '../capture/writer.ts';
import { type Canvas, isNarrow, paint, plain } from './canvas.ts';
import { escapeLine } from './escape.ts';
import { describePacket } from './packet-line.ts';
import { wrapText } from './table.ts';

export interface LinesOptions {
  /** Lines before the packets, as they are. */
  title: string[];
  places: CapturePlace[];
  noHeaders: boolean;
  /** The packets are those of probes. */
  probes: boolean;
}

interface Column {
  head: string;
  width: number;
  align?: 'right';
  cell: (packet: CapturedPacket, seconds: number) => string;
}

/** kubectl's gap is three; a line that has to hold a whole packet has none to spare. */
const GAP = '  ';

/** `→ 4` on the way there, `← 2` on the way back, `?` where the model did not expect it. */
const hopCell = ({ hop, dissected }: CapturedPacket): string => {
  if (hop) return `${hop.way === 'there' ? '→' : '←'}${String(hop.number).padStart(2)}`;
  return dissected?.arp || dissected?.transport?.kind === 'neighbour' ? '' : '  ?';
};

const probeCell = ({ probe }: CapturedPacket): string => (probe ? `${probe.attempt} ${probe.what}` : '');

const widest = (texts: string[], least: number): number => Math.max(least, ...texts.map((text) => stringWidth(text)));

/** What leads a line; the packet itself follows. A narrow terminal loses what the hop's number tells anyway. */
const columnsFor = (places: CapturePlace[], canvas: Canvas, probes: boolean): Column[] => {
  const narrow = isNarrow(canvas);
  return [
    { head: 'TIME', width: 9, align: 'right', cell: (_packet, seconds) => seconds.toFixed(6) },
    { head: 'HOP', width: canvas.unicode ? 3 : 4, cell: hopCell },
    {
      head: 'NODE',
      width: widest(
        places.map(({ node }) => node),
        4,
      ),
      cell: ({ place }) => place.node,
    },
    ...(narrow
      ? []
      : [
          {
            head: 'WHERE',
            width: widest(
              places.map(({ where }) => where),
              5,
            ),
            cell: ({ place }: CapturedPacket) => place.where,
          },
        ]),
    {
      head: 'INTERFACE',
      width: widest(
        places.map(({ interface: name }) => name),
        9,
      ),
      cell: ({ place }) => place.interface,
    },
    ...(narrow ? [] : [{ head: 'DIR', width: 3, cell: ({ direction }: CapturedPacket) => direction }]),
    ...(probes && !narrow ? [{ head: 'PROBE', width: 10, cell: probeCell }] : []),
  ];
};

const fill = (text: string, { width, align }: Column): string => {
  const room = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return align === 'right' ? room + text : text + room;
};

/** One line per packet as they come; what does not fit is wrapped under its column. Times count from the first packet. */
export const createLineWriter = (canvas: Canvas, { title, places, noHeaders, probes }: LinesOptions): PacketWriter => {
  const narrow = isNarrow(canvas);
  const columns = columnsFor(places, canvas, probes);
  const indent = ' '.repeat(columns.reduce((sum, { width }) => sum + width + GAP.length, 0));
  let first: bigint | undefined;
  const text = (lines: string[]): Buffer => Buffer.from(lines.map((line) => `${line.trimEnd()}\n`).join(''));
  const head = (): string[] =>
    noHeaders ? [] : [paint(canvas, 'bold', [...columns.map((column) => fill(column.head, column)), 'PACKET'].join(GAP))];
  return {
    start: () => text([...title, ...head()]),
    packet: (packet) => {
      first ??= packet.nanos;
      const seconds = Number(packet.nanos - first) / 1e9;
      const lead = columns.map((column) => fill(plain(canvas, escapeLine(column.cell(packet, seconds))), column)).join(GAP);
      const words = packet.dissected ? describePacket(packet.dissected) : `${packet.bytes.length} B`;
      const number = narrow && packet.probe ? ` #${packet.probe.attempt}` : '';
      const what = wrapText(plain(canvas, escapeLine(words + number)), canvas, '', indent);
      return text([`${lead}${GAP}${packet.probe?.what === 'reset' || packet.probe?.what === 'icmp-error' ? paint(canvas, 'red', what) : what}`]);
    },
    end: () => Buffer.alloc(0),
  };
};
