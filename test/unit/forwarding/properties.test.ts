import { expect } from 'chai';
import fc from 'fast-check';
import type { Hop, Packet, Walk } from '../../../src/forwarding/hop.ts';
import { type Prediction, predict } from '../../../src/forwarding/predict.ts';
import { walk, walkBack } from '../../../src/forwarding/walk.ts';
import type { World } from '../../../src/forwarding/world.ts';
import type { Netns } from '../../../src/node/snapshot.ts';
import { breaks } from './breaks.ts';
import { tablesFrom } from './iptables-text.ts';
import { rename } from './rename.ts';
import { type FlannelCluster, flannelCluster, insertRule } from './world.ts';

const packets: Packet[] = [
  { source: '', destination: '10.244.1.5', protocol: 'tcp', sourcePort: 40000, destinationPort: 8080 },
  { source: '', destination: '10.96.0.50', protocol: 'tcp', sourcePort: 40000, destinationPort: 80 },
  { source: '', destination: '10.244.0.5', protocol: 'udp', sourcePort: 40000, destinationPort: 53 },
  { source: '', destination: '10.33.188.142', protocol: 'icmp', icmp: { type: 8, code: 0 } },
  { source: '', destination: '8.8.8.8', protocol: 'udp', sourcePort: 40000, destinationPort: 53 },
];

/** No break, one, or two at once. */
const broken = fc
  .array(fc.constantFrom(...breaks), { maxLength: 2 })
  .map((some) => ({ titles: some.map(({ title }) => title), make: () => brokenBy(some) }));

const brokenBy = (some: typeof breaks): FlannelCluster => {
  const cluster = flannelCluster();
  for (const [at, { make }] of some.entries())
    try {
      make(cluster);
    } catch (error) {
      // the second may want gone what the first took
      if (at === 0) throw error;
    }
  return cluster;
};

const ask = (world: World, netns: string, packet: Packet): { there: Walk; back: Walk | undefined; forecast: Prediction['forecast'] } => {
  const start = { node: 'node1', netns };
  const there = walk(packet, start, world);
  return { there, back: walkBack(there, world), forecast: predict(packet, start, world).forecast };
};

const story = (walked: Walk | undefined, name: (hop: Hop) => string): unknown =>
  walked && [walked.outcome, walked.packet, walked.hops.map((hop) => [hop.node, hop.netns, name(hop), hop.direction, hop.packet, hop.stop?.reason])];

const options = [
  '-s',
  '-d',
  '-i',
  '-o',
  '-p',
  '-m',
  '--dport',
  '--ctstate',
  '--mark',
  '--match-set',
  '--probability',
  '!',
  '-j',
  '-g',
  '--to-destination',
];
const values = [
  'tcp',
  'udp',
  '10.244.1.5',
  '0.0.0.0/0',
  'eth0',
  'conntrack',
  'statistic',
  'mark',
  'set',
  'u32',
  'NEW',
  '0x1/0x1',
  '0.5',
  'DROP',
  'DNAT',
  'A',
  'B',
  '10.244.0.4:80',
  '65536',
  '""',
  '-1',
];

const nonsense = fc
  .array(fc.oneof(fc.constantFrom(...options, ...values), fc.string({ maxLength: 6 })), { maxLength: 9 })
  .map((words) => words.join(' '));

/** Two chains that jump to each other, and into nowhere, with rules of any words. */
const anyRules = (table: string, hook: string) =>
  fc
    .array(fc.tuple(fc.constantFrom(hook, 'A', 'B'), nonsense), { maxLength: 6 })
    .map(
      (rules) =>
        `*${table}\n:${hook} ACCEPT\n:A -\n:B -\n${rules.map(([chain, rule]) => `-A ${chain} ${rule.replaceAll('\n', ' ')}`).join('\n')}\n-A ${hook} -j A\n-A A -j B\n-A B -j A\nCOMMIT`,
    );

describe('whatever a node holds', () => {
  it('a walk ends, and does not throw', () => {
    const tables = fc.tuple(anyRules('filter', 'FORWARD'), anyRules('nat', 'PREROUTING'), anyRules('mangle', 'POSTROUTING'));
    fc.assert(
      fc.property(broken, tables, fc.array(fc.anything(), { maxLength: 4 }), fc.constantFrom(...packets), ({ make }, texts, expr, packet) => {
        const cluster = make();
        const { netfilter } = cluster.host('node1');
        netfilter.iptables.push(...texts.flatMap((text) => tablesFrom(text, 'legacy')));
        const chain = { name: 'c', type: 'filter', hook: 'forward', priority: 0, policy: 'accept', rules: [{ handle: 1, expr }] };
        netfilter.nft.push({ family: 'inet', name: 't', chains: [chain], sets: [], objects: [] });
        const { there, forecast } = ask(cluster, cluster.pod('web-0').inode, packet);
        expect(there.hops.length).to.be.lessThan(1000);
        expect(Object.values(forecast).reduce((sum, share) => sum + share, 0)).to.be.closeTo(1, 1e-6);
      }),
      { numRuns: 25 },
    );
  });

  it('a rule that no packet meets changes nothing', () => {
    const idle = fc.record({
      node: fc.constantFrom('node1', 'node2'),
      place: fc.constantFrom(
        ['filter', 'FORWARD'],
        ['filter', 'INPUT'],
        ['nat', 'PREROUTING'],
        ['nat', 'POSTROUTING'],
        ['nat', 'KUBE-MARK-MASQ-OFF'],
      ),
      match: fc.constantFrom(
        '-s 203.0.113.77/32',
        '-p sctp',
        '-p tcp -m tcp --dport 1',
        '-i nothere0',
        '-m mark --mark 0x80/0x80 -s 203.0.113.78/32',
        '-m unheard --of -d 203.0.113.79/32',
      ),
      target: fc.constantFrom('DROP', 'ACCEPT', 'RETURN', 'REJECT --reject-with icmp-port-unreachable', 'MARK --set-xmark 0x4000/0x4000'),
    });
    fc.assert(
      fc.property(broken, idle, fc.constantFrom(...packets), ({ make }, { node, place: [table = '', chain = ''], match, target }, packet) => {
        const [before, after] = [make(), make()];
        const host: Netns = after.host(node);
        if (chain.endsWith('-OFF'))
          host.netfilter.iptables
            .find(({ table: name }) => name === table)
            ?.chains.push({
              name: chain,
              packets: 0,
              bytes: 0,
              rules: tablesFrom(`*${table}\n:${chain} -\n-A ${chain} -j DROP`)[0]?.chains[0]?.rules ?? [],
            });
        else insertRule(host, table, chain, `${match} -j ${target}`);
        const one = ask(before, before.pod('web-0').inode, packet);
        const other = ask(after, after.pod('web-0').inode, packet);
        expect(story(other.there, (hop) => hop.interface)).to.deep.equal(story(one.there, (hop) => hop.interface));
        expect(story(other.back, (hop) => hop.interface)).to.deep.equal(story(one.back, (hop) => hop.interface));
        expect(other.forecast).to.deep.equal(one.forecast);
      }),
      { numRuns: 60 },
    );
  });

  it('the names of interfaces do not matter', () => {
    const naming = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9.]{2,11}$/), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(broken, naming, fc.constantFrom(...packets), ({ make }, names, packet) => {
        const cluster = make();
        const known = new Map<string, string>();
        const to = (name: string): string => {
          const found = known.get(name) ?? `x${names[known.size] ?? name}`;
          known.set(name, found);
          return found;
        };
        const renamed = rename(cluster, to);
        const netns = cluster.pod('web-0').inode;
        const [one, other] = [ask(cluster, netns, packet), ask(renamed, netns, packet)];
        expect(story(other.there, (hop) => hop.interface)).to.deep.equal(
          story(one.there, (hop) => (hop.interface === '' ? '' : (known.get(hop.interface) ?? hop.interface))),
        );
        expect(story(other.back, (hop) => hop.interface)).to.deep.equal(
          story(one.back, (hop) => (hop.interface === '' ? '' : (known.get(hop.interface) ?? hop.interface))),
        );
        expect(other.forecast).to.deep.equal(one.forecast);
      }),
      { numRuns: 60 },
    );
  });
});
