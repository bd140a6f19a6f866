import { expect } from 'chai';
import { meaningOf } from '../../../src/diagnosis/drops/meaning.ts';
import { concernOf, type Severity } from '../../../src/diagnosis/watch/concern.ts';
import { readContents } from '../../../src/probe/tap/dissect.ts';
import { USUAL_TUNNEL_PORTS } from '../../../src/probe/tap/tunnel.ts';
import type { KernelDrop } from '../../../src/probe/watch/kernel-drop.ts';
import { flannelCluster } from '../forwarding/world.ts';
import { ipv4, tcp, udp } from '../probe/packets.ts';

const SYN = 2;
const FIN_ACK = 0x11;

const to = (destination: string, transport: 'udp' | 'syn' | 'fin' = 'udp'): Buffer =>
  transport === 'udp'
    ? ipv4('10.244.0.4', destination, 17, udp(40_000, 5353, Buffer.alloc(4)))
    : ipv4('10.244.0.4', destination, 6, tcp(40_000, 8080, 1, 0, transport === 'syn' ? SYN : FIN_ACK));

interface Seen {
  reason?: string;
  /** The function that dropped, then those that called it. */
  stack: string[];
  packet?: Buffer;
}

const cases: [what: string, drop: Seen, severity: Severity][] = [
  ['a rule that drops', { reason: 'NETFILTER_DROP', stack: ['nft_do_chain', 'nf_hook_slow', 'ip_forward'], packet: to('10.244.1.5') }, 'problem'],
  ['a rule that drops multicast, too', { reason: 'NETFILTER_DROP', stack: ['nft_do_chain', 'nf_hook_slow'], packet: to('224.0.0.251') }, 'problem'],
  ['a rule, on a kernel without reasons', { stack: ['nf_hook_slow', 'ip_forward'], packet: to('10.244.1.5') }, 'problem'],
  ['no route', { reason: 'IP_INNOROUTES', stack: ['ip_error', 'ip_rcv'], packet: to('10.99.0.1') }, 'problem'],
  ['nobody listens on UDP', { reason: 'NO_SOCKET', stack: ['__udp4_lib_rcv'], packet: to('10.244.1.5') }, 'warning'],
  ['nobody listens on TCP', { reason: 'NO_SOCKET', stack: ['tcp_v4_rcv'], packet: to('10.244.1.5', 'syn') }, 'warning'],
  ['the same, on a kernel without reasons', { stack: ['tcp_v4_rcv', 'ip_protocol_deliver_rcu'], packet: to('10.244.1.5', 'syn') }, 'warning'],
  ['a packet behind the end of its connection', { reason: 'NO_SOCKET', stack: ['tcp_v4_rcv'], packet: to('10.244.1.5', 'fin') }, 'harmless'],
  ['an echo reply that ping has', { reason: 'NO_SOCKET', stack: ['ping_rcv', 'icmp_rcv'] }, 'harmless'],
  ['an echo reply, on kernels that inline ping_rcv', { reason: 'NO_SOCKET', stack: ['icmp_rcv', 'ip_protocol_deliver_rcu'] }, 'harmless'],
  ['multicast nobody joined', { reason: 'NOT_SPECIFIED', stack: ['ip6_mc_input', 'ipv6_rcv'] }, 'harmless'],
  ['multicast, by its address', { reason: 'IP_INNOROUTES', stack: ['ip_error'], packet: to('224.0.0.251') }, 'harmless'],
  ["the node's own broadcast", { reason: 'NOT_SPECIFIED', stack: ['ip_rcv_finish'], packet: to('255.255.255.255') }, 'harmless'],
  [
    'router solicitations of an interface that comes up',
    { reason: 'QDISC_DROP', stack: ['__dev_queue_xmit', 'ip6_finish_output2', 'ndisc_send_skb'] },
    'harmless',
  ],
  ['a repetition of TCP', { reason: 'TCP_OLD_DATA', stack: ['tcp_data_queue'] }, 'harmless'],
  ['the buffers of a closed socket', { stack: ['sk_stream_kill_queues', 'inet_csk_destroy_sock'] }, 'harmless'],
  ['a copy for a raw socket', { reason: 'NOT_SPECIFIED', stack: ['packet_rcv', 'dev_queue_xmit_nit'] }, 'harmless'],
  ["a frame for another one's MAC", { reason: 'OTHERHOST', stack: ['ip_rcv_core'], packet: to('203.0.113.9') }, 'harmless'],
  ["a frame with a wrong MAC for one's own address", { reason: 'OTHERHOST', stack: ['ip_rcv_core'], packet: to('10.244.1.1') }, 'problem'],
  ['a frame for a pod, flooded', { reason: 'OTHERHOST', stack: ['ip_rcv_core'], packet: to('10.244.0.4') }, 'warning'],
  ['a full queue', { reason: 'QDISC_DROP', stack: ['__dev_queue_xmit', 'ip_finish_output2'], packet: to('10.244.1.5') }, 'problem'],
  ['a traceroute, or a circle', { reason: 'IP_INHDR', stack: ['ip_forward', 'ip_rcv'], packet: to('10.244.1.5') }, 'warning'],
  ['what nobody knows', { reason: 'SOMETHING_NEW', stack: ['strange'], packet: to('10.244.1.5') }, 'warning'],
];

describe('whether a drop matters', () => {
  const cluster = flannelCluster();
  const host = cluster.host('node2');
  for (const [what, { reason, stack, packet }, severity] of cases)
    it(`${what}: ${severity}`, () => {
      const [place = ''] = stack;
      const contents = packet && readContents(0x0800, packet, USUAL_TUNNEL_PORTS);
      const drop: KernelDrop = {
        time: 0,
        ...(reason === undefined ? {} : { reason }),
        function: place,
        stack,
        ethertype: 0x0800,
        places: [],
        ...(contents ? { packet: contents } : {}),
        own: true,
      };
      const { kinds } = meaningOf({ ...drop, tunnelled: false });
      const concern = concernOf(drop, kinds[0] ?? 'other', host, cluster.facts.pods);
      expect(concern.severity).to.equal(severity);
      if (severity !== 'problem') expect(concern.why).to.be.a('string');
    });
});
