import ipaddr from 'ipaddr.js';
import type { Family } from '../snapshot.ts';

/** IPv6 as eight groups of four digits, the form of /proc/net/if_inet6; IPv4 and what is no address as it is. */
export const expandAddress = (text: string): string => {
  if (!ipaddr.IPv6.isValid(text)) return text;
  return ipaddr.IPv6.parse(text)
    .parts.map((part) => part.toString(16).padStart(4, '0'))
    .join(':');
};

/** RFC 5952 for IPv6; what is no address stays as it is. */
export const canonicalAddress = (text: string): string => (ipaddr.isValid(text) ? ipaddr.parse(text).toString() : text);

export const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4);

/** `default` and bare hosts written as prefixes. */
export const asPrefix = (text: string, family: Family): string => {
  if (text === 'default' || text === 'all' || text === 'any') return family === 4 ? '0.0.0.0/0' : '::/0';
  return text.includes('/') ? text : `${text}/${family === 4 ? 32 : 128}`;
};
