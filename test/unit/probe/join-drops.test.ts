import { expect } from 'chai';
import { isCopy } from '../../../src/probe/drops/copies.ts';
import { identify, isFamilyOf } from '../../../src/probe/drops/join-drops.ts';
import type { DeviceEvent, FreeEvent } from '../../../src/probe/drops/parse-trace.ts';
import type { Sighting } from '../../../src/probe/observation.ts';

const freed = (protocol: number, ...stack: string[]): FreeEvent => ({
  kind: 'free',
  time: 1,
  skb: '0xff01',
  cpu: '0',
  task: 'kworker/0:1',
  protocol,
  location: stack[0] ?? '',
  stack,
});

const sighting = (destination: string, outer?: Sighting['outer']): Sighting => ({
  node: 'n1',
  netns: 'a',
  interface: 'veth2',
  direction: 'out',
  time: 1,
  packet: { source: '', destination, protocol: 'tcp' },
  wireLength: 60,
  what: 'reply',
  ...(outer ? { outer } : {}),
});

const [IPV4, IPV6, VLAN] = [0x0800, 0x86dd, 0x8100];
const v4 = sighting('10.244.1.4');
const v6 = sighting('fd00::4');

describe('a buffer that is another packet by now', () => {
  it('is known by its family: a multicast report of the kernel where a reply was', () => {
    const report = freed(IPV6, 'ip6_mc_input', '__netif_receive_skb_one_core', 'process_backlog', 'ip6_output', 'mld_sendpack');
    expect(isFamilyOf(report, v4)).to.equal(false);
    expect(isFamilyOf(report, v6)).to.equal(true);
    expect(isFamilyOf(freed(IPV4, 'ip_rcv_core'), v6)).to.equal(false);
    // an ingress or egress hook on the way is no tunnel
    expect(isFamilyOf(freed(IPV4, 'kfree_skb_list', 'sch_handle_ingress', 'nf_hook_egress'), v6)).to.equal(false);
  });

  it('is the same packet where a tunnel has wrapped it into the other family', () => {
    const wrapped = freed(IPV6, 'nf_hook_slow', 'ip6_local_out', 'udp_tunnel6_xmit_skb', 'vxlan_xmit_one');
    expect(isFamilyOf(wrapped, v4)).to.equal(true);
    expect(isFamilyOf(freed(IPV6, 'nf_hook_slow', 'ip6_tnl_xmit', 'ip6gre_tunnel_xmit'), v4)).to.equal(true);
    const outer = { kind: 'vxlan', source: 'fd00:33::11', destination: 'fd00:33::12' } as const;
    expect(isFamilyOf(freed(IPV6, 'nf_hook_slow'), sighting('10.244.1.4', outer))).to.equal(true);
    expect(isFamilyOf(freed(IPV4, 'nf_hook_slow'), sighting('10.244.1.4', outer))).to.equal(false);
  });

  it('cannot be told by what is neither family', () => {
    expect(isFamilyOf(freed(VLAN, 'br_handle_frame'), v4)).to.equal(true);
  });
});

describe('a copy that a listening socket was given', () => {
  it('is none of the packet, whatever the socket does with it', () => {
    expect(isCopy(freed(IPV6, 'sk_filter_trim_cap', 'sock_queue_rcv_skb_reason', 'rawv6_rcv', 'raw6_local_deliver', 'ip6_input_finish'))).to.equal(
      true,
    );
    expect(isCopy(freed(IPV4, 'sk_filter_trim_cap', 'raw_rcv', 'raw_local_deliver'))).to.equal(true);
    expect(isCopy(freed(IPV4, 'packet_rcv', 'dev_queue_xmit_nit', 'dev_hard_start_xmit'))).to.equal(true);
    // the socket that the packet itself was for, and one that sends it
    expect(isCopy(freed(IPV4, 'sk_filter_trim_cap', 'udp_queue_rcv_one_skb', 'udp_unicast_rcv_skb', '__udp4_lib_rcv'))).to.equal(false);
    expect(isCopy(freed(IPV4, 'nf_hook_slow', 'raw_send_hdrinc', 'raw_sendmsg'))).to.equal(false);
  });
});

describe('a device event and what a capture saw', () => {
  const event = (time: number): DeviceEvent => ({ kind: 'queue', time, skb: `0x${time}`, cpu: '0', device: 'veth2', length: 74 });
  const at = (time: number): Sighting => ({ ...v4, time });
  const matched = (events: DeviceEvent[], sightings: Sighting[]): string[] =>
    [...identify(events, sightings, 0)].map(([{ time }, sighting]) => `${time} ${sighting.time}`);

  it('are the same packet when they are the same moment', () => {
    expect(matched([event(1), event(1.02)], [at(1.00001), at(1.02001)])).to.deep.equal(['1 1.00001', '1.02 1.02001']);
  });

  it('are the same when the processor was taken away in between and nothing else can be meant', () => {
    expect(matched([event(1), event(1.02)], [at(1.003), at(1.02001)])).to.have.members(['1 1.003', '1.02 1.02001']);
  });

  it('stay apart when there is a choice, or far too much time', () => {
    expect(matched([event(1), event(1.001)], [at(1.003)])).to.deep.equal([]);
    expect(matched([event(1)], [at(1.002), at(1.003)])).to.deep.equal([]);
    expect(matched([event(1)], [at(1.006)])).to.deep.equal([]);
  });
});
