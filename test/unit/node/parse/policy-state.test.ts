import { expect } from 'chai';
import { parseCilium } from '../../../../src/node/parse/cilium.ts';
import { parseOvnAcls, parseOvnFlows } from '../../../../src/node/parse/ovn.ts';
import { parseCollection } from '../../../../src/node/parse-collection.ts';

const FLOWS = ` cookie=0xb1131646, duration=143.347s, table=0, n_packets=240, n_bytes=17172, idle_age=1, priority=100,in_port=5 actions=set_field:0x8->reg13,set_field:0x3->metadata,set_field:0x2->reg14,resubmit(,8)
 cookie=0x1, duration=1.5s, table=0, n_packets=2, n_bytes=20, priority=100,in_port=7 actions=load:0x4->NXM_NX_REG13[],load:0x1->OXM_OF_METADATA[],load:0x6->NXM_NX_REG14[],resubmit(,8)
 cookie=0x0, duration=143.348s, table=0, n_packets=204, n_bytes=13720, idle_age=1, priority=100,in_port=6 actions=move:NXM_NX_TUN_ID[0..23]->OXM_OF_METADATA[0..23],resubmit(,40)
 cookie=0xeaad25a3, duration=24.247s, table=46, n_packets=18, n_bytes=1204, idle_age=2, priority=3000,ip,reg0=0x200/0x200,reg15=0x3,metadata=0x3 actions=controller(userdata=00.00.00.07)
 cookie=0xeaad25a4, duration=24.247s, table=46, n_packets=1, n_bytes=60, priority=0 actions=drop
`;

const ACLS = `{"headings":["_uuid","name","direction","priority","action","match","external_ids"],"data":[[["uuid","e0"],"default/deny-b","to-lport",2000,"drop","outport == @deny.b.default && ip",["map",[["parent","deny.b.default"]]]],[["uuid","f2"],["set",[]],"to-lport",2001,"allow-related","ip4.src == 10.16.0.1",["map",[]]]]}
{"headings":["name","acls","external_ids"],"data":[["deny.b.default",["set",[["uuid","e0"],["uuid","f2"]]],["map",[["np","default/deny-b"]]]]]}
`;

describe("OVN's rules on a node", () => {
  it('are flows that drop, and the ports that packets come from, in both ways of writing', () => {
    const { value, unparsed } = parseOvnFlows(FLOWS);
    expect(unparsed).to.deep.equal([]);
    expect(value.ports).to.deep.equal([
      { ofport: 5, datapath: '0x3', key: '0x2' },
      { ofport: 7, datapath: '0x1', key: '0x6' },
    ]);
    expect(value.drops.map(({ cookie, table, priority, match, packets, bytes }) => [cookie, table, priority, match, packets, bytes])).to.deep.equal([
      ['0xeaad25a3', 46, 3000, ['ip', 'reg0=0x200/0x200', 'reg15=0x3', 'metadata=0x3'], 18, 1204],
      ['0xeaad25a4', 46, 0, [], 1, 60],
    ]);
  });

  it('have names, owners and groups in the database', () => {
    const { value, unparsed } = parseOvnAcls(ACLS);
    expect(unparsed).to.deep.equal([]);
    expect(value.portGroups).to.deep.equal([{ name: 'deny.b.default', acls: ['e0', 'f2'], externalIds: { np: 'default/deny-b' } }]);
    expect(value.acls.map(({ uuid, name, priority, action }) => [uuid, name, priority, action])).to.deep.equal([
      ['e0', 'default/deny-b', 2000, 'drop'],
      ['f2', undefined, 2001, 'allow-related'],
    ]);
  });

  it('that make no sense are told', () => {
    expect(parseOvnFlows(' cookie=0x1, nonsense\n').unparsed).to.have.length(1);
    expect(parseOvnAcls('{"headings": [}\n').unparsed).to.have.length(1);
  });
});

const LABELS = ['derived-from=CiliumNetworkPolicy', 'name=deny-c', 'namespace=demo'].map((label) => `k8s:io.cilium.k8s.policy.${label}`);

describe("Cilium's maps on a node", () => {
  it('count drops by reason', () => {
    const text = JSON.stringify([{ reason: 'Policy denied', direction: 'ingress', packets: 18, bytes: 1257, line: 2136, file: 'bpf_lxc.c' }]);
    expect(parseCilium.metrics(text).value).to.deep.equal([{ reason: 'Policy denied', direction: 'ingress', packets: 18, bytes: 1257 }]);
  });

  it('have entries with ports in network order, and counters or none', () => {
    const key = { Prefixlen: 64, Identity: 43443, TrafficDirection: 0, Nexthdr: 6, DestPortNetwork: 36895 };
    const text = JSON.stringify([
      {
        EndpointID: '1234',
        Path: '',
        Content: [
          { Flags: 193, Packets: 6, Bytes: 444, Key: key },
          { Flags: 0, Packets: 0, Key: { ...key, TrafficDirection: 1, Nexthdr: 0, DestPortNetwork: 0 } },
        ],
      },
    ]).replace('"Packets":0', '"Packets":18446744073709551615');
    expect(parseCilium.policy(text).value).to.deep.equal([
      { endpoint: '1234', direction: 'ingress', deny: true, identity: 43443, protocol: 6, port: 8080, packets: 6 },
      { endpoint: '1234', direction: 'egress', deny: false, identity: 43443, protocol: 0, port: 0 },
    ]);
  });

  it('belong to pods, with the policies that their rules were made from', () => {
    const endpoint = {
      id: 1234,
      status: {
        'external-identifiers': { 'k8s-namespace': 'demo', 'k8s-pod-name': 'b' },
        identity: { id: 12801 },
        policy: { realized: { l4: { ingress: [{ 'derived-from-rules': [LABELS] }, { 'derived-from-rules': [LABELS] }], egress: null } } },
      },
    };
    expect(parseCilium.endpoints(JSON.stringify([endpoint, { id: 961, status: {} }])).value).to.deep.equal([
      {
        id: '1234',
        pod: 'demo/b',
        identity: 12801,
        policies: [{ direction: 'ingress', kind: 'CiliumNetworkPolicy', name: 'deny-c', namespace: 'demo' }],
      },
      { id: '961', policies: [] },
    ]);
    expect(parseCilium.identities(JSON.stringify([{ id: 1, labels: ['reserved:host'] }])).value).to.deep.equal({ 1: ['reserved:host'] });
  });
});

describe('a node', () => {
  const section = (name: string, text: string): Parameters<typeof parseCollection>[0]['sections'][number] => ({
    name,
    tool: 'node',
    status: 0,
    text: `${text}\n`,
    stderr: '',
  });

  it('has what OVN and Cilium said, where they said something', () => {
    const sections = [section('ovn-flows', FLOWS), section('ovn-acls', ACLS), section('cilium-metrics', '[]')];
    const snapshot = parseCollection({ node: 'node1', reach: 'node', sections });
    expect(snapshot.ovn?.drops).to.have.length(2);
    expect(snapshot.ovn?.acls).to.have.length(2);
    expect(snapshot.cilium).to.deep.equal({ metrics: [], policy: [], endpoints: [], identities: {} });
    const node = [section('meta', 'host 1'), section('processes', 'P 1 1')];
    const bare = parseCollection({ node: 'node1', reach: 'node', sections: [...node, { ...section('ovn-flows', ''), status: 'absent' }] });
    expect([bare.ovn, bare.cilium, bare.problems]).to.deep.equal([undefined, undefined, []]);
  });
});
