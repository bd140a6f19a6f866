import type { Family, Netns } from '../node/snapshot.ts';

/**
 * Reads `net/ipv4/conf/DEV/NAME`. A dot inside an interface name is printed as `/` by procps' sysctl and kept by those who walk /proc/sys, so both
 * spellings are looked for.
 */
export const interfaceSysctl = (netns: Netns, family: Family, device: string, name: string): string | undefined => {
  const base = `net.ipv${family}.conf`;
  return (
    netns.sysctls[`${base}.${device}.${name}`] ??
    netns.sysctls[`${base}.${device.replaceAll('.', '/')}.${name}`] ??
    netns.sysctls[`net/ipv${family}/conf/${device}/${name}`]
  );
};

export const sysctl = (netns: Netns, name: string): string | undefined => netns.sysctls[name] ?? netns.sysctls[name.replaceAll('.', '/')];

/** The sysctl that decides whether packets that came in on `device` are forwarded, and its value when it was read. */
export const forwardingSwitch = (netns: Netns, family: Family, device: string): { name: string; value?: string } => {
  // IPv4 asks the interface it came in by (net/ipv4/route.c IN_DEV_FORWARD); IPv6 asks `all` (net/ipv6/ip6_output.c ip6_forward).
  if (family === 6) return withValue('net.ipv6.conf.all.forwarding', interfaceSysctl(netns, 6, 'all', 'forwarding'));
  const global = sysctl(netns, 'net.ipv4.ip_forward') ?? interfaceSysctl(netns, 4, 'all', 'forwarding');
  const own = interfaceSysctl(netns, 4, device, 'forwarding');
  // A change of ip_forward is written to every interface, so when both are off the global one is what a person switched.
  if (own === undefined || own === global) return withValue('net.ipv4.ip_forward', global);
  return withValue(`net.ipv4.conf.${device}.forwarding`, own);
};

const withValue = (name: string, value: string | undefined): { name: string; value?: string } => (value === undefined ? { name } : { name, value });

/** 0 none, 1 strict, 2 loose: the larger of `all` and the interface's own (include/linux/inetdevice.h IN_DEV_RPFILTER). IPv6 has none. */
export const reversePathMode = (netns: Netns, device: string): number =>
  Math.max(Number(interfaceSysctl(netns, 4, 'all', 'rp_filter') ?? 0), Number(interfaceSysctl(netns, 4, device, 'rp_filter') ?? 0));

/** A switch that is on for the interface when it is on for it or for `all` (IN_DEV_ORCONF). */
export const isOnAnywhere = (netns: Netns, device: string, name: string): boolean =>
  [device, 'all'].some((which) => Number(interfaceSysctl(netns, 4, which, name) ?? 0) > 0);

/** A level that is the larger of the interface's and that of `all` (IN_DEV_MAXCONF). */
export const largerOf = (netns: Netns, device: string, name: string): number =>
  Math.max(...[device, 'all'].map((which) => Number(interfaceSysctl(netns, 4, which, name) ?? 0)));
