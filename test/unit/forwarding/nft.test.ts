import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { walk } from '../../../src/forwarding/walk.ts';
import { parseNft } from '../../../src/node/parse/nft.ts';
import { flannelCluster } from './world.ts';

/** Each rule as the last of a forward chain, with the ruleset that `nft -j list ruleset` (1.0.6) made of it. */
const recorded = JSON.parse(readFileSync(new URL('fixtures/nft-rules.json', import.meta.url), 'utf8')) as { rule: string; ruleset: unknown }[];

/** What becomes of TCP 10.244.0.4 → 10.244.1.5:8080, from flannel.1 to cni0. */
const ends: Record<string, string> = {
  'ip saddr 10.244.0.4 drop': 'rule',
  'ip saddr != 10.244.0.0/24 drop': 'delivered',
  'ip saddr { 10.244.0.0/24, 192.0.2.1 } ip daddr 10.244.1.0/24 drop': 'rule',
  'ip saddr 10.244.0.1-10.244.0.9 drop': 'rule',
  'ip daddr @pods drop': 'rule',
  'ip daddr . tcp dport @servers drop': 'rule',
  'iifname "flannel.1" oifname "cni0" drop': 'rule',
  'iifname "flannel*" drop': 'rule',
  'oifname "eth0" drop': 'delivered',
  'tcp dport 8080 drop': 'rule',
  'tcp dport 8000-8090 drop': 'rule',
  'tcp dport { 22, 8000-8090 } reject': 'reject',
  'tcp dport 8080 reject with tcp reset': 'reject',
  'th dport 8080 drop': 'rule',
  'udp dport 8080 drop': 'delivered',
  'meta l4proto tcp drop': 'rule',
  'meta l4proto { udp, icmp } drop': 'delivered',
  'ct state established,related accept': 'delivered',
  'ct state new drop': 'rule',
  'ct state invalid drop': 'delivered',
  'ct state vmap { established : accept, new : drop }': 'rule',
  'ct status dnat drop': 'delivered',
  'meta mark set 0x10 meta mark & 0x10 == 0x10 drop': 'rule',
  'meta mark 0x1 drop': 'delivered',
  'jump other': 'rule',
  'goto other': 'rule',
  'ip saddr vmap { 10.244.0.4 : jump other, 10.244.0.5 : accept }': 'rule',
  'ip6 saddr fd00::/8 drop': 'delivered',
  'meta nfproto ipv4 drop': 'rule',
  'fib daddr type local drop': 'delivered',
  'ip protocol icmp drop': 'delivered',
  'meta pkttype host drop': 'rule',
  'counter log prefix "x" drop': 'rule',
  'limit rate 5/second drop': 'delivered unsure',
  'tcp flags syn drop': 'rule',
};

const throughNode2 = (ruleset: unknown): string => {
  const cluster = flannelCluster();
  cluster.host('node2').netfilter.nft = parseNft(JSON.stringify(ruleset)).value;
  const { hops, outcome } = walk(
    { source: '', destination: '10.244.1.5', protocol: 'tcp', sourcePort: 61440, destinationPort: 8080 },
    { node: 'node1', netns: cluster.pod('web-0').inode },
    cluster,
  );
  return hops.at(-1)?.stop?.reason ?? (hops.some(({ unsure }) => unsure !== undefined) ? `${outcome} unsure` : outcome);
};

describe('native nftables rules', () => {
  for (const { rule, ruleset } of recorded) it(`${rule}: ${ends[rule]}`, () => expect(throughNode2(ruleset)).to.equal(ends[rule]));

  it('are named so that nft -a finds them', () => {
    const cluster = flannelCluster();
    cluster.host('node2').netfilter.nft = parseNft(JSON.stringify(recorded[0]?.ruleset)).value;
    const { hops } = walk({ source: '', destination: '10.244.1.5', protocol: 'icmp' }, { node: 'node1', netns: cluster.pod('web-0').inode }, cluster);
    expect(hops.at(-1)?.stop?.facts).to.include({ backend: 'nft', table: 'inet t', chain: 'forward' });
    expect(hops.at(-1)?.stop?.decidedBy).to.equal('ip saddr 10.244.0.4 drop');
  });
});
