import { sameAddress } from '../../forwarding/address.ts';
import type { IpvsService, Netns } from '../../node/snapshot.ts';
import { backendText, type Frontend, frontendText } from './frontend.ts';
import type { ProxyRules } from './rules.ts';

/** The dummy interface that makes the node take packets for a Service as its own (pkg/proxy/ipvs/proxier.go). */
const DUMMY = 'kube-ipvs0';

const find = ({ ipvs }: Netns, { address, port, protocol, family }: Frontend): IpvsService | undefined =>
  ipvs.find(
    (service) =>
      service.port === port &&
      service.protocol === protocol &&
      (address === undefined ? service.address.includes(':') === (family === 6) : sameAddress(service.address, address)),
  );

const isOwn = ({ links }: Netns, address: string): boolean =>
  links.some(({ addresses }) => addresses.some((own) => sameAddress(own.address, address)));

/** Virtual servers. A weight of 0 is an endpoint on its way out: it gets no new connection. */
export const ipvsRules = (host: Netns): ProxyRules => ({
  lookup: (frontend) => {
    const service = find(host, frontend);
    if (!service) return [];
    const targets = service.servers.filter(({ weight }) => weight > 0).map(({ address, port }) => backendText(address, port));
    return [
      {
        // without a server the kernel refuses
        verdict: targets.length > 0 ? 'forward' : 'reject',
        text: `IPVS ${frontend.protocol.toUpperCase()} ${frontendText({ ...frontend, address: service.address })} ${service.scheduler}`,
        targets,
        hollow: [],
        affinity: service.persistent === true,
      },
    ];
  },
  unhooked: ({ address, kind }) =>
    address === undefined || kind !== 'cluster IP' || isOwn(host, address) ? [] : [`no interface of the node has ${address}, which ${DUMMY} should`],
  // by sets of addresses and rules that it shares with the kubelet
  unmasked: () => [],
});
