import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { USUAL_TUNNEL_PORTS } from '../../../src/probe/tap/tunnel.ts';
import { joinWatch } from '../../../src/probe/watch/join-watch.ts';
import type { KernelDrop, WatchResult } from '../../../src/probe/watch/kernel-drop.ts';
import { readWatch } from '../../../src/probe/watch/watch-output.ts';

/** What stock Debian kernels said of their drops, read by an event of our own. */
const recorded = (name: string): WatchResult => {
  const output = readFileSync(new URL(`../../fixtures/watch/${name}.watch`, import.meta.url));
  return joinWatch(readWatch({ node: 'node2', taps: [], output }), USUAL_TUNNEL_PORTS, 1);
};

const who = ({ packet }: KernelDrop): string => {
  const ports = packet?.transport && 'destinationPort' in packet.transport ? ` ${packet.transport.kind} ${packet.transport.destinationPort}` : '';
  return `${packet?.packet?.source} ${packet?.packet?.destination}${ports}`;
};

const five = <T>(what: T): T[] => Array.from({ length: 5 }, () => what);

describe("drops whose headers an event of our own reads, on Debian's kernels", () => {
  it('5.10: at the function that frees; it has no reasons, and the stack says where', () => {
    const { drops, lost, seconds } = recorded('5.10-rule');
    const rule = drops.filter(({ function: place }) => place === 'nf_hook_slow');
    expect(rule.map(who)).to.deep.equal(five('10.244.1.4 10.244.2.5 udp 5353'));
    expect(rule.map(({ stack }) => stack[1])).to.deep.equal(five('ip_forward'));
    expect(rule.map(({ places }) => places)).to.deep.equal(five([{ device: 'flannel.1', way: 'in', netns: '4026532207' }]));
    expect(rule.every(({ reason }) => reason === undefined)).to.equal(true);
    expect(lost).to.equal(0);
    expect(seconds).to.be.within(5, 10);
  });

  it('6.1: at the event; what a socket sends is at no device yet, and it has the namespace of the socket', () => {
    const { drops, ownKernel } = recorded('6.1-output');
    expect(drops.map(who)).to.deep.equal(five('10.0.2.15 10.0.2.99 udp 5353'));
    expect(drops.map(({ places, netns, reason }) => ({ places, netns, reason }))).to.deep.equal(
      five({ places: [], netns: '4026531840', reason: 'NETFILTER_DROP' }),
    );
    expect(ownKernel).to.equal(true);
  });

  it('6.12: also IPv6 that came out of a tunnel', () => {
    const { drops } = recorded('6.12-rule-v6');
    expect(drops.map(who)).to.deep.equal(five('fd44:1::4 fd44:2::5 udp 5353'));
    expect(drops.map(({ function: place, places }) => [place, places[0]?.device])).to.deep.equal(five(['nft_do_chain', 'flannel.1']));
  });

  it('and every other packet that a healthy kernel throws away', () => {
    for (const name of ['5.10-healthy', '6.12-healthy']) {
      const { drops } = recorded(name);
      const unread = drops.filter(({ packet }) => !packet);
      expect(drops.length, name).to.be.greaterThan(7);
      // a socket that is closed frees what has no headers
      expect(
        unread.map(({ function: place }) => place),
        name,
      ).to.deep.equal(name === '5.10-healthy' ? ['sk_stream_kill_queues'] : []);
    }
  });
});
