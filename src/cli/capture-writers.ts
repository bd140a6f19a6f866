import { clockWords } from '../capture/clock.ts';
import type { CapturePlace } from '../capture/packet.ts';
import { createPcapngWriter } from '../capture/pcapng-writer.ts';
import { placesOf } from '../capture/ways.ts';
import type { PacketWriter } from '../capture/writer.ts';
import type { CaptureHead, CaptureRequest } from '../doctor/run-capture.ts';
import { hostPort } from '../forwarding/address.ts';
import { linkNamed, placeAt } from '../forwarding/world.ts';
import type { Canvas } from '../report/canvas.ts';
import { createLineWriter } from '../report/capture-lines.ts';
import { VERSION } from '../version.ts';

/** What was asked, to be read in the file: without the flags that say who asked, and with which rights. */
const commandOf = ({ from, to, namespace, live, filter, port, protocol, count }: CaptureRequest): string =>
  [
    `kubectl netdoctor capture ${from} ${to} -n ${namespace}`,
    live ? '--live' : `--count ${count}`,
    ...(port === undefined ? [] : [`--port ${port}`]),
    ...(protocol === undefined ? [] : [`--protocol ${protocol}`]),
    ...(filter === undefined ? [] : [`--filter '${filter}'`]),
  ].join(' ');

const clockLines = ({ clocks, prepared }: CaptureHead): string[] => clocks.map((clock) => clockWords(clock, prepared.first));

/** IANA's, which Wireshark knows. */
const VXLAN_PORT = 4789;

/** How to read the file, where Wireshark does not know by itself. */
export const readingHints = ({ prepared: { ways } }: CaptureHead): string[] => {
  const ports = ways.flatMap(({ there }) =>
    there.hops.flatMap(({ tunnel }) => (tunnel?.kind === 'vxlan' && tunnel.port !== undefined ? [tunnel.port] : [])),
  );
  return [...new Set(ports)]
    .filter((port) => port !== VXLAN_PORT)
    .map((port) => `UDP ${port} is VXLAN here: Wireshark decodes it after Analyze, Decode As…, or with -d udp.port==${port},vxlan`);
};

/** The same packet at each hop is no repetition. */
const ONE_INTERFACE = 'each packet is here once per hop, which Wireshark takes for retransmissions: filter for one frame.interface_name';

export const pcapngWriterFor = (request: CaptureRequest, head: CaptureHead): PacketWriter => {
  const { prepared, notes } = head;
  const world = { snapshots: prepared.snapshots, facts: prepared.facts };
  const macOf = ({ node, netns, interface: name }: CapturePlace): string | undefined => linkNamed(placeAt(world, node, netns)?.netns, name)?.mac;
  return createPcapngWriter({
    application: `kubectl-netdoctor ${VERSION}`,
    comments: [commandOf(request), ...clockLines(head), ONE_INTERFACE, ...readingHints(head), ...notes],
    places: placesOf(prepared.ways),
    snaplen: request.snaplen,
    ...(request.filter === undefined ? {} : { filter: request.filter }),
    macOf,
  });
};

export const lineWriterFor = (request: CaptureRequest, { prepared }: CaptureHead, canvas: Canvas, noHeaders: boolean): PacketWriter => {
  const { from, to, source, destination, port, protocol } = prepared.question;
  const what = request.live ? 'traffic' : `${protocol.toUpperCase()} probes`;
  const arrow = canvas.unicode ? '→' : '->';
  return createLineWriter(canvas, {
    title: [`${from.label} (${source}) ${arrow} ${to.label} (${hostPort(destination, port)}): ${what}`],
    places: placesOf(prepared.ways).map(({ place }) => place),
    noHeaders,
    probes: !request.live,
  });
};
