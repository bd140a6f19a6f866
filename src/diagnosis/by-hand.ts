import type { Packet } from '../forwarding/hop.ts';
import type { HopReport } from '../report/report.ts';
import type { Evidence } from './evidence.ts';
import { mainProbe } from './evidence.ts';

/** Words of pcap-filter(7) for the question's packets as they are at this hop; inside a tunnel only the tunnel can be asked for. */
const filterOf = ({ packet, tunnel }: HopReport): string => {
  if (tunnel) {
    const carrier = tunnel.port === undefined ? 'proto 4' : `udp port ${tunnel.port}`;
    return `host ${tunnel.remote} and ${carrier}`;
  }
  const { protocol, destination, destinationPort }: Packet = packet;
  const name = protocol === 'icmp' && destination.includes(':') ? 'icmp6' : protocol;
  return `host ${destination} and ${name}${destinationPort === undefined ? '' : ` port ${destinationPort}`}`;
};

/** Any image with tcpdump; the agent's own has it. */
const IMAGE = 'nicolaka/netshoot';

/** A pod's interface is reached by its process; what stands in for the number is how to find it. */
const inside = ({ where }: HopReport, pid: number | undefined): string => (where === 'host' ? '' : `nsenter -t ${pid ?? 'PID'} -n `);

const pidOf = ({ snapshots }: Evidence, { node, netns }: HopReport): number | undefined =>
  snapshots.find((snapshot) => snapshot.node === node)?.namespaces.find(({ inode }) => inode === netns)?.pid;

const capture = (evidence: Evidence, hop: HopReport): string =>
  `$ kubectl debug node/${hop.node} -it --profile=sysadmin --image=${IMAGE} -- ${inside(hop, pidOf(evidence, hop))}tcpdump -nei ${hop.interface} '${filterOf(hop)}'`;

/** The last place that saw lost probes and the first that did not. */
const edges = (hops: HopReport[]): HopReport[] => {
  const watched = hops.filter(({ seen, interface: name }) => seen && name !== '');
  const last = watched.findLastIndex(({ seen }) => (seen?.k ?? 0) > 0);
  const missing = watched.findIndex(({ seen }, index) => index > last && seen?.k === 0);
  return [...(watched[last] ? [watched[last]] : []), ...(watched[missing] ? [watched[missing]] : [])];
};

/** Commands that show the loss without netdoctor: a capture on either side of it, while the question is asked again. */
export const byHandCommands = (evidence: Evidence, there: HopReport[], back: HopReport[]): string[] => {
  const main = mainProbe(evidence);
  if (!main || main.attempts.every(({ outcome }) => outcome === 'answered')) return [];
  const arrived = there.every(({ seen }) => !seen || seen.k > 0);
  return edges(arrived && back.length > 0 ? back : there).map((hop) => capture(evidence, hop));
};
