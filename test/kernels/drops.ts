import { resolveOne } from '../../src/cluster/words/resolve.ts';
import { runDrops } from '../../src/doctor/run-drops.ts';
import { startStopwatch } from '../../src/doctor/stopwatch.ts';
import { createSessionMark } from '../../src/probe/live/session-mark.ts';
import type { DropsReport } from '../../src/report/drops-report.ts';
import { objectReader } from '../unit/cluster/object-reader.ts';
import type { Guest } from './guest.ts';
import { apiObjects, doorInto } from './world.ts';

/** Somebody else's traffic, and what a node drops of it. */
export interface DropSituation {
  name: string;
  node: 'node0' | 'node1' | 'node2';
  /** sh in the guest. */
  begin: string;
  end: string;
  /** Goes on while the node is watched. */
  traffic: string;
  /** What the first row is to say; none where nothing matters. */
  row?: { code: string; count: number; where: string; flow: string; rule?: string };
}

const knock = (from: string, to: string): string =>
  `for i in 1 2 3 4 5; do echo x | ip netns exec ${from} socat -u - ${to} 2>/dev/null || true; sleep 0.2; done`;

export const dropSituations: DropSituation[] = [
  {
    name: 'drops: healthy',
    node: 'node1',
    begin: ':',
    end: ':',
    traffic: `ip netns exec a ping -q -c 3 -i 0.2 10.244.2.5 >/dev/null; ${knock('a', 'TCP:10.244.2.5:8080')}`,
  },
  {
    name: 'drops: DROP',
    node: 'node2',
    begin: 'ip netns exec n2 iptables-nft -A FORWARD -d 10.244.2.5 -p udp --dport 5353 -j DROP',
    end: 'ip netns exec n2 iptables-nft -D FORWARD -d 10.244.2.5 -p udp --dport 5353 -j DROP',
    traffic: knock('a', 'UDP:10.244.2.5:5353'),
    row: { code: 'ND3003', count: 5, where: 'host', flow: '10.244.1.4 10.244.2.5 udp 5353', rule: 'FORWARD' },
  },
  {
    name: 'drops: queue',
    node: 'node2',
    begin: 'ip netns exec n2 iptables-nft -A FORWARD -d 10.244.2.5 -p udp --dport 5353 -j NFQUEUE --queue-num 100',
    end: 'ip netns exec n2 iptables-nft -D FORWARD -d 10.244.2.5 -p udp --dport 5353 -j NFQUEUE --queue-num 100',
    traffic: knock('a', 'UDP:10.244.2.5:5353'),
    row: { code: 'ND3018', count: 5, where: 'host', flow: '10.244.1.4 10.244.2.5 udp 5353', rule: 'FORWARD' },
  },
  {
    name: 'drops: v6',
    node: 'node2',
    begin: 'ip netns exec n2 ip6tables-nft -A FORWARD -d fd44:2::5 -p udp --dport 5353 -j DROP',
    end: 'ip netns exec n2 ip6tables-nft -D FORWARD -d fd44:2::5 -p udp --dport 5353 -j DROP',
    traffic: knock('a', 'UDP:[fd44:2::5]:5353'),
    row: { code: 'ND3003', count: 5, where: 'host', flow: 'fd44:1::4 fd44:2::5 udp 5353', rule: 'FORWARD' },
  },
  {
    name: 'drops: no route',
    node: 'node2',
    begin: 'ip -n n2 route del 10.244.2.0/24 dev cni0',
    end: 'ip -n n2 route add 10.244.2.0/24 dev cni0 src 10.244.2.1',
    traffic: knock('a', 'UDP:10.244.2.5:5353'),
    row: { code: 'ND3007', count: 5, where: 'host', flow: '10.244.1.4 10.244.2.5 udp 5353' },
  },
  {
    name: 'drops: OUTPUT',
    node: 'node0',
    begin: 'iptables-nft -A OUTPUT -d 10.0.2.99 -p udp --dport 5353 -j DROP',
    end: 'iptables-nft -D OUTPUT -d 10.0.2.99 -p udp --dport 5353 -j DROP',
    traffic: 'for i in 1 2 3 4 5; do echo x | socat -u - UDP:10.0.2.99:5353 2>/dev/null || true; sleep 0.2; done',
    row: { code: 'ND3003', count: 5, where: 'host', flow: '10.0.2.15 10.0.2.99 udp 5353', rule: 'OUTPUT' },
  },
];

/** The report, and whether it says what it should. */
export const watchDrops = async (
  guest: Guest,
  pids: { node1: number; node2: number },
  { node, traffic, row }: DropSituation,
): Promise<{ report: DropsReport; right: boolean }> => {
  const door = doorInto(guest, node, node === 'node0' ? 0 : pids[node], createSessionMark());
  const report = await runDrops(
    { word: `node/${node}`, namespace: 'demo', durationMs: 1 },
    (api, word, namespace) => resolveOne(api, namespace, word),
    {
      api: objectReader(apiObjects()),
      open: async () => [door],
      now: () => new Date(),
      attend: () => async () => {
        await guest.sh(traffic);
      },
      say: () => undefined,
      stopwatch: startStopwatch(),
    },
  );
  const [first] = report.rows.filter(({ severity }) => severity !== 'harmless');
  const [flow] = first?.flows ?? [];
  const words = flow && `${flow.source} ${flow.destination} ${flow.protocol} ${flow.destinationPort}`;
  const right =
    first?.code === row?.code &&
    first?.count === row?.count &&
    first?.where === row?.where &&
    words === row?.flow &&
    first?.rule?.chain === row?.rule;
  return { report, right };
};
