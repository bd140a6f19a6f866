import { expect } from 'chai';
import type { Packet } from '../../../src/forwarding/hop.ts';
import { walk } from '../../../src/forwarding/walk.ts';
import type { Ipset } from '../../../src/node/netfilter-state.ts';
import { tablesFrom } from './iptables-text.ts';
import { flannelCluster } from './world.ts';

interface Try {
  says: string;
  /** Rules of filter FORWARD on node2 and chains it jumps to. */
  rules: string[];
  packet?: Partial<Packet>;
  ipsets?: Ipset[];
  /** Stop reason, `delivered`, or `unsure` for delivered with a doubt. */
  ends: string;
}

const forwardOn = ({ rules, packet = {}, ipsets = [] }: Try): string => {
  const cluster = flannelCluster();
  const host = cluster.host('node2');
  const chains = [...new Set(rules.flatMap((rule) => /^-A (\S+)/.exec(rule)?.[1] ?? []))].filter((name) => name !== 'FORWARD');
  const text = ['*filter', ':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ...chains.map((name) => `:${name} - [0:0]`), ...rules].join('\n');
  host.netfilter.iptables = [...tablesFrom(text), ...host.netfilter.iptables.filter(({ table }) => table === 'nat')];
  host.netfilter.ipsets = ipsets;
  const { hops, outcome } = walk(
    { source: '', destination: '10.244.1.5', protocol: 'tcp', sourcePort: 61440, destinationPort: 8080, ...packet },
    { node: 'node1', netns: cluster.pod('web-0').inode },
    cluster,
  );
  const stop = hops.at(-1)?.stop;
  if (stop) return stop.reason;
  return hops.some(({ unsure }) => unsure !== undefined) ? `${outcome} unsure` : outcome;
};

const sets: Ipset[] = [
  { name: 'pods', type: 'hash:net', family: 4, entries: ['10.244.0.0/24', '10.244.0.4 nomatch'] },
  { name: 'servers', type: 'hash:ip,port', family: 4, entries: ['10.244.1.5,tcp:8000-8100'] },
  { name: 'all', type: 'list:set', entries: ['servers'] },
  { name: 'odd', type: 'hash:colour', entries: [] },
];

const tries: Try[] = [
  { says: 'an empty chain lets through', rules: [], ends: 'delivered' },
  { says: 'a source', rules: ['-A FORWARD -s 10.244.0.4/32 -j DROP'], ends: 'rule' },
  { says: 'another source', rules: ['-A FORWARD -s 10.244.0.5/32 -j DROP'], ends: 'delivered' },
  { says: 'an inverted source', rules: ['-A FORWARD ! -s 10.244.0.0/24 -j DROP'], ends: 'delivered' },
  { says: 'an inverted destination', rules: ['-A FORWARD ! -d 10.99.0.0/16 -j DROP'], ends: 'rule' },
  { says: 'both interfaces', rules: ['-A FORWARD -i flannel.1 -o cni0 -j DROP'], ends: 'rule' },
  { says: 'an outgoing interface that is another', rules: ['-A FORWARD -o eth0 -j DROP'], ends: 'delivered' },
  { says: 'interfaces by prefix', rules: ['-A FORWARD -i flannel+ -j DROP'], ends: 'rule' },
  { says: 'a port', rules: ['-A FORWARD -p tcp -m tcp --dport 8080 -j DROP'], ends: 'rule' },
  { says: 'a port of another protocol', rules: ['-A FORWARD -p udp -m udp --dport 8080 -j DROP'], ends: 'delivered' },
  { says: 'a port range', rules: ['-A FORWARD -p tcp -m tcp --dport 8000:9000 -j DROP'], ends: 'rule' },
  { says: 'a list of ports and ranges', rules: ['-A FORWARD -p tcp -m multiport --dports 22,8080:8090 -j DROP'], ends: 'rule' },
  { says: 'an inverted list of ports', rules: ['-A FORWARD -p tcp -m multiport ! --dports 8080 -j DROP'], ends: 'delivered' },
  {
    says: 'INVALID is not what a probe is',
    rules: ['-A FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name  x -j DROP'],
    ends: 'delivered',
  },
  {
    says: 'an accept for established flows does not hide what comes after',
    rules: ['-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', '-A FORWARD -j DROP'],
    ends: 'rule',
  },
  { says: 'an accept for new flows does', rules: ['-A FORWARD -m state --state NEW -j ACCEPT', '-A FORWARD -j DROP'], ends: 'delivered' },
  {
    says: 'MARK goes on',
    rules: ['-A FORWARD -j MARK --set-xmark 0x10000/0x10000', '-A FORWARD -m mark --mark 0x10000/0x10000 -j DROP'],
    ends: 'rule',
  },
  {
    says: 'MARK can clear',
    rules: ['-A FORWARD -j MARK --set-xmark 0x3/0x3', '-A FORWARD -j MARK --and-mark 0xfffffffe', '-A FORWARD -m mark --mark 0x1/0x1 -j DROP'],
    ends: 'delivered',
  },
  {
    says: 'RETURN of a chain goes on behind the jump',
    rules: ['-A FORWARD -j A', '-A FORWARD -j DROP', '-A A -s 10.244.0.4/32 -j RETURN', '-A A -j ACCEPT'],
    ends: 'rule',
  },
  { says: 'a drop after a nested call', rules: ['-A FORWARD -j A', '-A A -j B', '-A A -j DROP', '-A B -s 1.2.3.4/32 -j ACCEPT'], ends: 'rule' },
  {
    says: 'falling off a chain reached by goto returns to the caller',
    rules: ['-A FORWARD -j A', '-A FORWARD -j DROP', '-A A -g B', '-A A -j ACCEPT', '-A B -s 1.2.3.4/32 -j ACCEPT'],
    ends: 'rule',
  },
  { says: 'REJECT', rules: ['-A FORWARD -j REJECT --reject-with tcp-reset'], ends: 'reject' },
  {
    says: 'LOG goes on',
    rules: ['-A FORWARD -j LOG --log-prefix "x "', '-A FORWARD -m limit --limit 5/min -j NFLOG --nflog-group 1'],
    ends: 'delivered',
  },
  { says: 'a set with an exception', rules: ['-A FORWARD -m set --match-set pods src -j DROP'], ipsets: sets, ends: 'delivered' },
  { says: 'a set of address and port', rules: ['-A FORWARD -m set --match-set servers dst,dst -j DROP'], ipsets: sets, ends: 'rule' },
  { says: 'a list of sets', rules: ['-A FORWARD -m set ! --match-set all dst,dst -j DROP'], ipsets: sets, ends: 'delivered' },
  { says: 'the first packet of a TCP flow', rules: ['-A FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP'], ends: 'rule' },
  { says: 'an echo request', rules: ['-A FORWARD -p icmp -m icmp --icmp-type 8 -j DROP'], packet: { protocol: 'icmp' }, ends: 'rule' },
  { says: 'a local address', rules: ['-A FORWARD -m addrtype --dst-type LOCAL -j DROP'], ends: 'delivered' },
  { says: 'a range of addresses', rules: ['-A FORWARD -m iprange --src-range 10.244.0.1-10.244.0.9 -j DROP'], ends: 'rule' },
  { says: 'a match that is not understood is no verdict', rules: ['-A FORWARD -m u32 --u32 "0x0&0xf=0x5" -j DROP'], ends: 'delivered unsure' },
  { says: 'unless a known match already says no', rules: ['-A FORWARD -s 1.2.3.4/32 -m u32 --u32 "0x0&0xf=0x5" -j DROP'], ends: 'delivered' },
  {
    says: 'a drop behind an accept that is not understood',
    rules: ['-A FORWARD -m string --string x --algo bm -j ACCEPT', '-A FORWARD -j DROP'],
    ends: 'delivered unsure',
  },
  { says: 'luck is no verdict', rules: ['-A FORWARD -m statistic --mode random --probability 0.5 -j DROP'], ends: 'delivered unsure' },
  { says: 'a set type that is not understood', rules: ['-A FORWARD -m set --match-set odd src -j DROP'], ipsets: sets, ends: 'delivered unsure' },
];

describe('iptables rules in FORWARD', () => {
  for (const one of tries) it(`${one.says}: ${one.ends}`, () => expect(forwardOn(one)).to.equal(one.ends));

  it('counts in both backends', () => {
    const cluster = flannelCluster();
    cluster.host('node2').netfilter.iptables.push(...tablesFrom('*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 10.244.1.5/32 -j DROP', 'legacy'));
    const { hops } = walk({ source: '', destination: '10.244.1.5', protocol: 'icmp' }, { node: 'node1', netns: cluster.pod('web-0').inode }, cluster);
    expect(hops.at(-1)?.stop?.facts).to.include({ backend: 'iptables-legacy', chain: 'FORWARD', number: '1' });
  });
});
