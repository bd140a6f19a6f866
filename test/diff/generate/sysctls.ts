import { add, type Draft, tag } from './draft.ts';
import { devicesOf } from './pool.ts';

type Setting = (draft: Draft, space: string) => string | undefined;

const device = (draft: Draft, space: string): string => draft.random.pick(['all', ...devicesOf(draft, space)]);

const v4 =
  (name: string, values: readonly number[]): Setting =>
  (draft, space) =>
    `net/ipv4/conf/${device(draft, space)}/${name}=${draft.random.pick(values)}`;

const settings: readonly (readonly [weight: number, name: string, setting: Setting])[] = [
  [5, 'rp_filter', v4('rp_filter', [0, 1, 1, 2])],
  [1.5, 'ip_forward', () => 'net/ipv4/ip_forward=0'],
  [1.5, 'conf forwarding', (draft, space) => `net/ipv4/conf/${draft.random.pick(devicesOf(draft, space))}/forwarding=0`],
  [1, 'v6 forwarding', ({ families }) => (families.includes(6) ? 'net/ipv6/conf/all/forwarding=0' : undefined)],
  [
    0.7,
    'v6 conf forwarding',
    (draft, space) => (draft.families.includes(6) ? `net/ipv6/conf/${draft.random.pick(devicesOf(draft, space))}/forwarding=0` : undefined),
  ],
  [1.5, 'accept_local', v4('accept_local', [1])],
  [1.5, 'arp_ignore', v4('arp_ignore', [1, 2, 8])],
  [0.7, 'arp_filter', v4('arp_filter', [1])],
  [0.7, 'arp_announce', v4('arp_announce', [1, 2])],
  [1, 'proxy_arp', v4('proxy_arp', [0, 1])],
  [1, 'route_localnet', v4('route_localnet', [1])],
  [1, 'src_valid_mark', v4('src_valid_mark', [1])],
  [1.5, 'bridge-nf', ({ random }) => `net/bridge/bridge-nf-call-${random.pick(['iptables', 'ip6tables'])}=${random.int(0, 1)}`],
  [0.7, 'icmp_echo_ignore_all', () => 'net/ipv4/icmp_echo_ignore_all=1'],
  [0.5, 'fwmark_reflect', () => 'net/ipv4/fwmark_reflect=1'],
  [0.5, 'be_liberal', () => 'net/netfilter/nf_conntrack_tcp_be_liberal=1'],
  [
    0.5,
    'disable_ipv6',
    (draft, space) => (draft.families.includes(6) ? `net/ipv6/conf/${draft.random.pick(devicesOf(draft, space))}/disable_ipv6=1` : undefined),
  ],
];

export const oddSysctl = (draft: Draft, space: string): void => {
  const [name, setting] = draft.random.weighted(settings.map(([weight, known, make]) => [weight, [known, make] as const] as const));
  const text = setting(draft, space);
  if (text === undefined) return;
  tag(draft, `sysctl ${name}`);
  add(draft, space, 'sysctl', text);
};
