import { linesOf, type Parsed } from './json.ts';

/**
 * /proc/net/snmp and /proc/net/netstat: per protocol a line of names and a line of values (net/ipv4/proc.c); /proc/net/snmp6: a name and a
 * value a line (net/ipv6/proc.c). All as `Ip.InAddrErrors`, `TcpExt.ListenDrops`, `Ip6.InNoRoutes`.
 */
export const parseProtocolCounters = (text: string): Parsed<Record<string, number>> => {
  const value: Record<string, number> = {};
  const unparsed: string[] = [];
  let heading: string[] = [];
  for (const line of linesOf(text)) {
    const [first = '', ...words] = line.trim().split(/\s+/);
    const six = /^(Ip6|Icmp6|Udp6|UdpLite6)(\w+)$/.exec(first);
    if (six && words.length === 1) value[`${six[1]}.${six[2]}`] = Number(words[0]);
    else if (!first.endsWith(':')) unparsed.push(line.slice(0, 120));
    else if (heading[0] === first && /^-?\d+$/.test(words[0] ?? '')) {
      for (const [index, name] of heading.slice(1).entries()) value[`${first.slice(0, -1)}.${name}`] = Number(words[index] ?? 0);
      heading = [];
    } else heading = [first, ...words];
  }
  return { value, unparsed };
};
