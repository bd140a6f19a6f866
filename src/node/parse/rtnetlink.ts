/** Names of rtnetlink's numbers (linux/rtnetlink.h), for an iproute2 that was told or cannot but print numbers. */

const TYPES: Record<string, string> = {
  1: 'unicast',
  2: 'local',
  3: 'broadcast',
  4: 'anycast',
  5: 'multicast',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
  9: 'throw',
  10: 'nat',
};
const TABLES: Record<string, string> = { 253: 'default', 254: 'main', 255: 'local' };
const SCOPES: Record<string, string> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' };
const PROTOCOLS: Record<string, string> = { 1: 'redirect', 2: 'kernel', 3: 'boot', 4: 'static', 9: 'ra', 12: 'bird', 16: 'dhcp' };

export const typeName = (text: string): string => TYPES[text] ?? text;
export const tableName = (text: string): string => TABLES[text] ?? text;
export const scopeName = (text: string): string => SCOPES[text] ?? text;
export const protocolName = (text: string): string => PROTOCOLS[text] ?? text;

export const ROUTE_TYPES: ReadonlySet<string> = new Set(Object.values(TYPES));
