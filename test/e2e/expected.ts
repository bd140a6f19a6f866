export interface Expected {
  /** More than one where labs differ in what can be known. */
  code: string;
  /** Node and interface the report points at. */
  place: string;
  /** Where asked from and to; from a client to the victim on another node when absent. */
  args?: string[];
  /** Of the question itself; broken when absent. */
  verdict?: RegExp;
}

/** Fault of the lab → what a report has to say first. */
export const EXPECTED: Record<string, Expected> = {
  'pod-veth-down': { code: 'ND1001', place: 'node2 eth0' },
  'host-veth-down': { code: 'ND1002', place: 'node2 veth' },
  'veth-off-bridge': { code: 'ND1003', place: 'node2 veth' },
  'bridge-down': { code: 'ND1004', place: 'node2 cni0' },
  // without flannel's annotations nobody says where the route should lead
  'pod-route-missing': { code: 'ND2102|ND3007', place: 'node1 (flannel(-v6)?\\.1|eth0|cni0)' },
  'pod-route-wrong': { code: 'ND2103|ND3007', place: 'node1 (flannel(-v6)?\\.1|eth0|cni0)' },
  'vtep-neighbour-missing': { code: 'ND2104', place: 'node1 flannel(-v6)?\\.1' },
  'vtep-neighbour-wrong': { code: 'ND2105', place: 'node1 flannel(-v6)?\\.1' },
  'fdb-missing': { code: 'ND2106', place: 'node1 flannel(-v6)?\\.1' },
  'fdb-wrong': { code: 'ND2107', place: 'node1 flannel(-v6)?\\.1' },
  'vxlan-device-deleted': { code: 'ND2109', place: 'node1 flannel(-v6)?\\.1' },
  'vxlan-device-down': { code: 'ND2110', place: 'node1 flannel(-v6)?\\.1' },
  'ip-forward-off': { code: 'ND3001', place: 'node2 ' },
  'forward-policy-drop': { code: 'ND3002', place: 'node2 ' },
  'forward-rule-drop': { code: 'ND3003', place: 'node2 ' },
  'forward-rule-reject': { code: 'ND3004', place: 'node2 ' },
  'underlay-drops-tunnel': { code: 'ND2101', place: '' },
  'underlay-drops-pods': { code: 'ND2114', place: 'node1 eth0' },
  'kube-proxy-hung': { code: 'ND4005', place: 'node1', args: ['client-node1', 'svc/web'] },
  'kube-proxy-missing': { code: 'ND4005', place: 'node1', args: ['client-node1', 'svc/web'] },
  'kube-proxy-behind': { code: 'ND4006', place: 'node1', args: ['client-node1', 'svc/web'] },
  // one connection in two, so that enough of them have to be tried
  'service-endpoint-unwritten': { code: 'ND4009', place: 'node1', args: ['client-node1', 'svc/web', '--count', '20'], verdict: /intermittent/ },
  'service-endpoint-stale': { code: 'ND4006', place: 'node1', args: ['client-node1', 'svc/web'] },
  // who of the two answers first is a race, and the finding stands whoever wins it
  'duplicate-address': { code: 'ND1101', place: 'node2 vethleaked', verdict: /broken|intermittent|healthy/ },
  'duplicate-address-intermittent': { code: 'ND1101', place: 'node2 vethleaked', verdict: /intermittent|broken|healthy/ },
};

/** The question a fault is asked with. */
export const questionOf = (fault: string): string[] => ['-n', 'demo', ...(EXPECTED[fault]?.args ?? ['client-node1', 'server-node2'])];
