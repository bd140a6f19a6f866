import { bridge } from './bridge.ts';
import type { Tool } from './change.ts';
import { ip } from './ip.ts';
import { ipset } from './ipset.ts';
import { iptables } from './iptables.ts';
import { nft } from './nft.ts';
import { sysctl } from './sysctl.ts';
import { tc } from './tc.ts';

/** Commands that can be tried, by the name they are typed with. */
export const tools: Record<string, Tool> = {
  iptables: iptables(4),
  ip6tables: iptables(6),
  'iptables-nft': iptables(4, 'nft'),
  'ip6tables-nft': iptables(6, 'nft'),
  'iptables-legacy': iptables(4, 'legacy'),
  'ip6tables-legacy': iptables(6, 'legacy'),
  nft,
  ip,
  bridge,
  sysctl,
  ipset,
  tc,
};
