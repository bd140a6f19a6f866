import type { HopReport, PathReport } from '../../../src/report/report.ts';

const packet = { source: '10.244.0.4', destination: '10.244.1.5', protocol: 'tcp', destinationPort: 5432 } as const;

const hop = (node: string, where: string, name: string, ifindex: number, what: string, k: number, delayMicros?: number): HopReport => ({
  node,
  netns: where === 'host' ? '1' : '2',
  where,
  interface: name,
  ifindex,
  direction: 'out',
  what,
  packet,
  seen: { k, n: 5 },
  ...(delayMicros === undefined ? {} : { delayMicros }),
});

/** Case 1 as a report: VXLAN leaves node1 and never reaches node2. */
export const lostInUnderlay = (): PathReport => ({
  kind: 'PathReport',
  time: '2026-01-02T03:04:05Z',
  from: { label: 'default/web-0', kind: 'pod', node: 'node1', address: '10.244.0.4' },
  to: { label: 'default/db-0', kind: 'pod', node: 'node2', address: '10.244.1.5', port: 5432, protocol: 'tcp' },
  packet,
  dataPlane: { cni: 'flannel vxlan', kubeProxy: 'iptables' },
  verdict: 'broken',
  hops: [
    hop('node1', 'pod default/web-0', 'eth0', 2, 'route 0.0.0.0/0 via 10.244.0.1', 5, 0),
    hop('node1', 'host', 'veth1a2b3c', 12, 'bridge cni0 port 3', 5, 14),
    hop('node1', 'host', 'cni0', 5, 'FORWARD ACCEPT (FLANNEL-FWD #1)', 5, 22),
    hop('node1', 'host', 'flannel.1', 4, 'VXLAN 1 → 10.33.188.142, VTEP 3e:11:22:33:44:9a', 5, 31),
    hop('node1', 'host', 'eth0', 2, 'UDP 8472 → node2', 5, 35),
    hop('node2', 'host', 'eth0', 2, 'UDP 8472 from node1', 0),
  ],
  back: [],
  answers: [],
  clocks: [],
  asymmetry: [],
  disagreements: [],
  byHand: [],
  checks: [
    {
      request: {
        id: '1',
        purpose: 'main',
        node: 'node1',
        from: { netns: 'pid', pid: 7 },
        fromLabel: 'default/web-0',
        toLabel: 'default/db-0',
        destination: '10.244.1.5',
        protocol: 'tcp',
        port: 5432,
        count: 5,
        timeoutMs: 1000,
      },
      attempts: Array.from({ length: 5 }, () => ({ outcome: 'timeout' as const })),
    },
    {
      request: {
        id: '2',
        purpose: 'node-to-node',
        node: 'node1',
        from: { netns: 'host' },
        fromLabel: 'node node1',
        toLabel: 'node node2',
        destination: '10.33.188.142',
        protocol: 'icmp',
        count: 3,
        timeoutMs: 1000,
      },
      attempts: [
        { outcome: 'answered', rttMicros: 210 },
        { outcome: 'answered', rttMicros: 1210 },
        { outcome: 'answered', rttMicros: 190 },
      ],
    },
  ],
  findings: [
    {
      code: 'ND2101',
      severity: 'problem',
      confidence: 'certain',
      title: 'The network between node1 and node2 drops VXLAN (UDP 8472).',
      evidence: [
        '5 of 5 probes left node1 eth0 as UDP 8472, 0 of 5 arrived on node2 eth0; plain ICMP between the nodes: 3 of 3',
        "flannel's own state is right: route, neighbour, FDB and VTEP MAC agree with node2",
      ],
      fix: [
        'allow UDP 8472 between 10.33.188.138 and 10.33.188.142, or, as both are in 10.33.188.0/24, set "DirectRouting": true:',
        '$ kubectl -n kube-flannel edit configmap kube-flannel-cfg',
      ],
      notes: [],
    },
  ],
  notChecked: ['kernel drop reasons: no tracefs on node2'],
  timings: { total: 2100 },
});
