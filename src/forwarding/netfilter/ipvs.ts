import type { IpvsService } from '../../node/snapshot.ts';
import { hostPort, sameAddress } from '../address.ts';
import { invert } from '../conntrack.ts';
import { decided } from '../flight.ts';
import { choose, type Fork } from '../fork.ts';
import type { RuleRef } from '../hop.ts';
import type { Pass } from '../pass.ts';
import { sysctl } from '../sysctl.ts';
import { proceed, type Verdict } from './context.ts';

/** Schedulers that give a client the same server each time (ip_vs_sh.c, ip_vs_mh.c; dh and lblc go by the destination). */
const perClient = new Set(['sh', 'mh', 'dh', 'lblc', 'lblcr']);

const serviceFor = ({ flight: { packet, mark }, place }: Pass): IpvsService | undefined =>
  place.netns.ipvs.find(({ protocol, address, port }) =>
    protocol === 'fwmark'
      ? mark !== 0 && Number(address) === mark
      : protocol === packet.protocol && sameAddress(address, packet.destination) && (port === 0 || port === packet.destinationPort),
  );

/**
 * IPVS takes what is addressed to one of its services: rewrites it to a real server and sends it on from here, through OUTPUT and
 * POSTROUTING (net/netfilter/ipvs/ip_vs_core.c ip_vs_in_hook, ip_vs_xmit.c ip_vs_nat_xmit).
 */
export const scheduled = (pass: Pass): Verdict => {
  const { flight, tracking, journey } = pass;
  if (flight.viaIpvs || tracking.found?.direction === 'reply' || flight.carries) return proceed;
  const service = serviceFor(pass);
  if (!service) return proceed;
  const servers = service.servers.filter(({ weight }) => weight > 0);
  const text = `${service.protocol} ${hostPort(service.address, service.port)} ${service.scheduler}`;
  const by: RuleRef = { backend: 'ipvs', table: 'ipvs', chain: text, text: `${text}: ${servers.length} real servers` };
  // "no destination available" (ip_vs_leave): dropped, with ICMP port unreachable for what is no local client's
  if (servers.length === 0) return { kind: 'reject', by };
  const total = servers.reduce((sum, { weight }) => sum + weight, 0);
  const fork: Fork = {
    kind: 'chance',
    per: perClient.has(service.scheduler) || service.persistent === true ? 'client' : 'connection',
    what: `IPVS ${text} picks one of ${servers.length}`,
    by,
    ways: servers.map(({ address, port, weight }) => ({
      label: hostPort(address, port),
      share: weight / total,
      reaches: (endpoint: string) => sameAddress(address, endpoint),
    })),
  };
  const server = servers.length === 1 ? servers[0] : servers[choose(journey, fork)];
  if (!server) return proceed;
  decided(journey, 'here', { by: 'ipvs', object: `${text} -> ${hostPort(server.address, server.port)} ${server.forward} ${server.weight}` });
  flight.viaIpvs = true;
  pass.server = { address: server.address, forward: server.forward };
  if (!isRewriting(server.forward)) return proceed;
  flight.packet = { ...flight.packet, destination: server.address, ...(server.port === 0 ? {} : { destinationPort: server.port }) };
  remember(pass, by);
  pass.reroute = { ...flight };
  return proceed;
};

/** Masquerading and local servers rewrite the destination; tunnel and direct routing leave it (ip_vs_xmit.c). */
const isRewriting = (forward: string): boolean => !/^(Route|Tunnel)$/i.test(forward);

/** With vs/conntrack the entry learns where it went (ip_vs_nfct.c ip_vs_update_conntrack); without, conntrack lets go of the packet. */
const remember = (pass: Pass, by: RuleRef): void => {
  const { tracking, flight, place } = pass;
  if (!tracking.found) return;
  const { connection } = tracking.found;
  const { destination, destinationPort } = flight.packet;
  connection.reply = invert({ ...invert(connection.reply), destination, ...(destinationPort === undefined ? {} : { destinationPort }) });
  connection.by.push(by);
  if (sysctl(place.netns, 'net.ipv4.vs.conntrack') === '0') pass.tracking = { state: 'UNTRACKED', zone: 0 };
};
