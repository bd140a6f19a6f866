import { isIPv6 } from 'node:net';
import { checkServerIdentity as check, type PeerCertificate } from 'node:tls';
import ipaddr from 'ipaddr.js';

const PREFIX = 'IP Address:';

const addressesOf = ({ subjectaltname = '' }: PeerCertificate): string[] =>
  subjectaltname
    .split(', ')
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => name.slice(PREFIX.length));

const canonical = (address: string): string => ipaddr.parse(address).toNormalizedString();

/**
 * Whether a certificate is this server's. Node 22.23 runs every host through domainToASCII, which makes nothing of an IPv6 literal, and
 * then refuses it; those are compared here (RFC 9110 4.3.5), all else is Node's.
 */
export const checkServerIdentity = (host: string, certificate: PeerCertificate): Error | undefined => {
  const address = host.replaceAll(/^\[|\]$/g, '');
  const matches = isIPv6(address) && addressesOf(certificate).some((own) => isIPv6(own) && canonical(own) === canonical(address));
  return matches ? undefined : check(host, certificate);
};
