import { expect } from 'chai';
import { walk, walkAll } from '../../../src/forwarding/walk.ts';
import type { NftTable, PacketQueue } from '../../../src/node/netfilter-state.ts';
import { parseNft } from '../../../src/node/parse/nft.ts';
import { queue } from '../packet-queue.ts';
import { tablesFrom } from './iptables-text.ts';
import { type FlannelCluster, flannelCluster } from './world.ts';

interface Put {
  /** Rules of filter FORWARD on node2, or of the table named. */
  rules?: string[];
  table?: string;
  /** A statement as `nft -j` prints it, alone in a forward chain of node2. */
  nft?: unknown;
  queues?: PacketQueue[];
}

const clusterWith = ({ rules = [], table = 'filter', nft, queues }: Put): FlannelCluster => {
  const cluster = flannelCluster();
  const { netfilter } = cluster.host('node2');
  const chains = table === 'filter' ? [':FORWARD ACCEPT [0:0]'] : [':PREROUTING ACCEPT [0:0]', ':POSTROUTING ACCEPT [0:0]'];
  const own = tablesFrom([`*${table}`, ...chains, ...rules].join('\n'));
  netfilter.iptables = [...own, ...netfilter.iptables.filter((one) => one.table === 'nat' && table !== 'nat')];
  if (nft !== undefined) netfilter.nft = [nftTable(nft)];
  if (queues) netfilter.queues = queues;
  return cluster;
};

const nftTable = (statement: unknown): NftTable => {
  const chain = { family: 'inet', table: 't', name: 'c', handle: 1, type: 'filter', hook: 'forward', prio: 0, policy: 'accept' };
  const rule = { family: 'inet', table: 't', chain: 'c', handle: 2, expr: [statement] };
  const [table] = parseNft(JSON.stringify({ nftables: [{ table: { family: 'inet', name: 't', handle: 1 } }, { chain }, { rule }] })).value;
  if (!table) throw new Error('no table');
  return table;
};

const packet = { source: '', destination: '10.244.1.5', protocol: 'tcp', sourcePort: 61440, destinationPort: 8080 } as const;

const startOf = (cluster: FlannelCluster): { node: string; netns: string } => ({ node: 'node1', netns: cluster.pod('web-0').inode });

/** How it ends: the reason it stops for, `delivered`, or `unknown` with what it depends on. */
const endOf = (put: Put): string => {
  const cluster = clusterWith(put);
  const { hops, outcome, doubts } = walk(packet, startOf(cluster), cluster);
  return outcome === 'unknown' || doubts.length > 0 ? `unknown: ${doubts.join('; ')}` : (hops.at(-1)?.stop?.reason ?? outcome);
};

const stopOf = (put: Put): { message?: string; facts?: Record<string, string> } => {
  const cluster = clusterWith(put);
  const { message, facts } = walk(packet, startOf(cluster), cluster).hops.at(-1)?.stop ?? {};
  return { ...(message === undefined ? {} : { message }), ...(facts ? { facts } : {}) };
};

const nfqueue = (options: string): string[] => [`-A FORWARD -j NFQUEUE ${options}`];

describe('a rule that hands packets to a queue', () => {
  it('drops them where no program reads it', () => {
    expect(endOf({ rules: nfqueue('--queue-num 100'), queues: [] })).to.equal('queue');
    expect(endOf({ rules: nfqueue('--queue-num 100'), queues: [queue(101)] })).to.equal('queue');
    expect(endOf({ rules: ['-A FORWARD -j QUEUE'], queues: [queue(100)] })).to.equal('queue');
  });

  it('says which rule and which queue', () =>
    expect(stopOf({ rules: nfqueue('--queue-num 100'), queues: [] })).to.deep.equal({
      message: 'FORWARD #1 hands it to queue 100, which no program reads: the packet is dropped',
      facts: { hook: 'forward', backend: 'iptables-nft', table: 'filter', chain: 'FORWARD', number: '1', queue: '100' },
    }));

  it('lets them pass where it says bypass', () =>
    expect(endOf({ rules: nfqueue('--queue-num 100 --queue-bypass'), queues: [] })).to.equal('delivered'));

  it('lets them pass its own base chain only: the next one may drop', () => {
    const cluster = clusterWith({ rules: [...nfqueue('--queue-num 100 --queue-bypass'), '-A FORWARD -j DROP'], queues: [], nft: { drop: null } });
    expect(walk(packet, startOf(cluster), cluster).hops.at(-1)?.stop?.facts).to.include({ table: 'inet t', chain: 'c' });
  });

  it('leaves it to the program that reads it, and says what waits for that', () => {
    expect(endOf({ rules: nfqueue('--queue-num 100'), queues: [queue(100)] })).to.equal('unknown: the program behind queue 100 decides');
    expect(endOf({ rules: nfqueue('--queue-num 100'), queues: [queue(100, { waiting: 37, dropped: 2, userDropped: 1 })] })).to.equal(
      'unknown: the program behind queue 100 decides: 37 packets wait for it, it was too slow for 3 so far',
    );
  });

  it('leaves it to a program where nobody read who reads what', () => {
    expect(endOf({ rules: nfqueue('--queue-num 100') })).to.equal('unknown: the program behind queue 100 decides');
    expect(endOf({ nft: { queue: { num: 100 } } })).to.equal('unknown: the program behind queue 100 decides');
  });

  it('drops them, bypass or not, where a program has bound it and asked for nothing', () => {
    const queues = [queue(100, { copies: 'none' })];
    for (const options of ['--queue-num 100', '--queue-num 100 --queue-bypass'])
      expect(stopOf({ rules: nfqueue(options), queues }).message).to.match(/queue 100, whose program never said what it wants to see/);
  });

  it('picks one of several', () => {
    const balance = nfqueue('--queue-balance 100:103');
    expect(endOf({ rules: balance, queues: [] })).to.equal('queue');
    expect(stopOf({ rules: balance, queues: [] }).facts).to.include({ queue: '100-103' });
    const cluster = clusterWith({ rules: balance, queues: [queue(101)] });
    const tree = walkAll(packet, startOf(cluster), cluster);
    if (!('fork' in tree)) throw new Error('one way only');
    expect(tree.fork).to.deep.include({ kind: 'chance', per: 'client' });
    expect(tree.ways.map(({ share }) => share)).to.deep.equal([0.25, 0.75]);
    const lost = tree.ways[1]?.next;
    if (!lost || !('walk' in lost)) throw new Error('the second way forks');
    expect(lost.walk.hops.at(-1)?.stop?.facts.queue).to.equal('100, 102, 103');
  });

  it('is read as nft prints it', () => {
    const bound = [queue(8)];
    for (const [body, free, read] of [
      [{ num: 8 }, 'queue', 'unknown: the program behind queue 8 decides'],
      [{ num: 8, flags: 'bypass' }, 'delivered', 'unknown: the program behind queue 8 decides'],
      [{ num: 8, flags: ['bypass'] }, 'delivered', 'unknown: the program behind queue 8 decides'],
      [{ num: { range: [1, 3] }, flags: ['bypass', 'fanout'] }, 'delivered', 'delivered'],
      [{ num: { range: [1, 3] } }, 'queue', 'queue'],
      [{ num: { symhash: { mod: 1, offset: 8 } } }, 'queue', 'unknown: the program behind queue 8 decides'],
      [
        { num: { map: { key: { payload: { protocol: 'tcp', field: 'dport' } }, data: { set: [[8080, 8]] } } } },
        'queue',
        'unknown: the program behind queue 8 decides',
      ],
      [{ num: { map: { key: { payload: { protocol: 'tcp', field: 'dport' } }, data: { set: [[80, 8]] } } } }, 'delivered', 'delivered'],
      [{ num: { osf: { key: 'name' } } }, 'queue', 'unknown: the program behind queue that the rule computes decides'],
      [null, 'queue', 'queue'],
    ] as const) {
      expect(endOf({ nft: { queue: body }, queues: [] }), JSON.stringify(body)).to.equal(free);
      expect(endOf({ nft: { queue: body }, queues: bound }), JSON.stringify(body)).to.equal(read);
    }
  });

  it('in a table of NAT keeps all other NAT from the packet', () => {
    const dnat = '-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.244.1.5:80';
    const portBehind = (...rules: string[]): number | undefined => {
      const cluster = clusterWith({ table: 'nat', rules: [...rules, dnat], queues: [] });
      return walk(packet, startOf(cluster), cluster).arrived?.destinationPort;
    };
    expect(portBehind()).to.equal(80);
    expect(portBehind('-A PREROUTING -j ACCEPT')).to.equal(8080);
    expect(portBehind('-A PREROUTING -j NFQUEUE --queue-num 7 --queue-bypass')).to.equal(8080);
    expect(endOf({ table: 'nat', rules: ['-A PREROUTING -j NFQUEUE --queue-num 7', dnat], queues: [] })).to.equal('queue');
  });
});
