import { enhancedPacket, interfaceDescription, interfaceStatistics, sectionHeader } from '../pcapng/blocks.ts';
import { type CapturedPacket, type CapturePlace, placeKey, placeName } from './packet.ts';
import type { DescribedPlace } from './ways.ts';
import type { PacketWriter } from './writer.ts';

export interface PcapngOptions {
  application: string;
  /** Of the whole file: the command, the clocks, what could not be captured. */
  comments: string[];
  places: DescribedPlace[];
  snaplen: number;
  /** The user's own expression. */
  filter?: string;
  macOf: (place: CapturePlace) => string | undefined;
}

/** What `-i any` gives; an interface whose packets come in another form gets one block more. */
const USUAL_LINKTYPE = 276;

/** `attempt 3 of 5: request at hop 4 of 10 there, out`, or for users' own traffic `hop 4 of 10 there, out`. */
const wordsFor = ({ hop, probe, direction }: CapturedPacket): string[] => {
  const at = hop ? `hop ${hop.number} of ${hop.of} ${hop.way}, ${direction}` : `not on the predicted way, ${direction}`;
  if (probe) return [`attempt ${probe.attempt} of ${probe.of}: ${probe.what}${hop ? ' at ' : ', '}${at}`];
  return hop ? [at] : [];
};

interface Numbered {
  place: CapturePlace;
  packets: number;
}

/** One merged pcapng: an interface block per hop, packets with their place in the model. */
export const createPcapngWriter = ({ application, comments, places, snaplen, filter, macOf }: PcapngOptions): PacketWriter => {
  const interfaces: Numbered[] = [];
  const numbers = new Map<string, number>();

  const keyOf = (place: CapturePlace, linktype: number): string => `${linktype} ${placeKey(place)}`;
  const describe = (place: CapturePlace, linktype: number, description: string | undefined): Buffer => {
    numbers.set(keyOf(place, linktype), interfaces.length);
    interfaces.push({ place, packets: 0 });
    const mac = macOf(place);
    return interfaceDescription({
      linktype,
      snaplen,
      name: placeName(place),
      ...(description === undefined ? {} : { description }),
      ...(mac === undefined ? {} : { mac }),
      ...(filter === undefined ? {} : { filter }),
      comments: [],
    });
  };
  const descriptionOf = (place: CapturePlace): string =>
    places.find((known) => placeKey(known.place) === placeKey(place))?.description ?? 'not on the predicted way';

  return {
    start: () =>
      Buffer.concat([
        sectionHeader({ application, comments }),
        ...places.map(({ place, description }) => describe(place, USUAL_LINKTYPE, description)),
      ]),
    packet: (packet) => {
      const { place, linktype, nanos, bytes, length, direction } = packet;
      const known = numbers.get(keyOf(place, linktype));
      const added = known === undefined ? [describe(place, linktype, descriptionOf(place))] : [];
      const number = known ?? interfaces.length - 1;
      const counted = interfaces[number];
      if (counted) counted.packets += 1;
      return Buffer.concat([...added, enhancedPacket({ interface: number, nanos, bytes, length, direction, comments: wordsFor(packet) })]);
    },
    end: (nanos, losses) => {
      const told = new Set<string>();
      return Buffer.concat(
        interfaces.map(({ place, packets }, number) => {
          const netns = `${place.node} ${place.netns}`;
          // the kernel counts for the namespace, so it is said once
          const loss = told.has(netns) ? undefined : losses.find(({ node, netns: inode }) => node === place.node && inode === place.netns);
          told.add(netns);
          return interfaceStatistics({
            interface: number,
            nanos,
            delivered: packets,
            ...(loss?.packets === undefined ? {} : { lost: loss.packets }),
            comments: loss ? [`the loss is that of all interfaces of ${place.node} ${place.where}`] : [],
          });
        }),
      );
    },
  };
};
