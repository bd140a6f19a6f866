import { expect } from 'chai';
import { heal } from '../lab/faults/fault.ts';
import { faults } from '../lab/faults/index.ts';
import { lab } from './cluster.ts';
import { path } from './netdoctor.ts';

interface Expected {
  code: string;
  /** Node and interface the report points at. */
  place: string;
  /** Where asked from and to; from a client to the victim on another node when absent. */
  args?: string[];
  verdict?: string;
}

/** Fault of the lab → what a report has to say first. */
const EXPECTED: Record<string, Expected> = {
  'pod-veth-down': { code: 'ND1001', place: 'node2 eth0' },
  'host-veth-down': { code: 'ND1002', place: 'node2 veth' },
  'veth-off-bridge': { code: 'ND1003', place: 'node2 veth' },
  'bridge-down': { code: 'ND1004', place: 'node2 cni0' },
  'pod-route-missing': { code: 'ND2102', place: 'node1 flannel.1' },
  'pod-route-wrong': { code: 'ND2103', place: 'node1 flannel.1' },
  'vtep-neighbour-missing': { code: 'ND2104', place: 'node1 flannel.1' },
  'vtep-neighbour-wrong': { code: 'ND2105', place: 'node1 flannel.1' },
  'fdb-missing': { code: 'ND2106', place: 'node1 flannel.1' },
  'fdb-wrong': { code: 'ND2107', place: 'node1 flannel.1' },
  'vxlan-device-deleted': { code: 'ND2109', place: 'node1 flannel.1' },
  'vxlan-device-down': { code: 'ND2110', place: 'node1 flannel.1' },
  'ip-forward-off': { code: 'ND3001', place: 'node2 ' },
  'forward-policy-drop': { code: 'ND3002', place: 'node2 ' },
  'forward-rule-drop': { code: 'ND3003', place: 'node2 ' },
  'forward-rule-reject': { code: 'ND3004', place: 'node2 ' },
  'underlay-drops-tunnel': { code: 'ND2101', place: '' },
  'kube-proxy-hung': { code: 'ND4005', place: 'node1', args: ['client-node1', 'svc/web'] },
  'kube-proxy-missing': { code: 'ND4005', place: 'node1', args: ['client-node1', 'svc/web'] },
  'duplicate-address': { code: 'ND1101', place: 'node2 vethleaked' },
  'duplicate-address-intermittent': { code: 'ND1101', place: 'node2 vethleaked', verdict: 'intermittent' },
};

describe('a fault in the lab is named, with the hop', function () {
  this.timeout(120_000);

  for (const fault of faults.filter(({ name }) => EXPECTED[name])) {
    it(`${fault.name}: ${fault.title}`, async function () {
      if (!lab || !fault.appliesTo(lab.plan.options)) return this.skip();
      const expected = EXPECTED[fault.name];
      await fault.inject(lab);
      try {
        const { findings, verdict } = await path(['-n', 'demo', ...(expected?.args ?? ['client-node1', 'server-node2'])]);
        const [first] = findings;
        expect(`${first?.code} ${first?.title}`).to.match(new RegExp(`^${expected?.code} `));
        expect(`${first?.place?.node ?? ''} ${first?.place?.interface ?? ''}`.trim()).to.match(new RegExp(`^${(expected?.place ?? '').trim()}`));
        expect(first?.confidence).to.be.oneOf(['certain', 'likely']);
        expect(first?.fix).to.not.deep.equal([]);
        expect(verdict).to.equal(expected?.verdict ?? 'broken');
      } finally {
        await heal(lab, fault);
      }
      return undefined;
    });
  }
});
