import type { Family } from '../../../src/node/snapshot.ts';
import { add, addRules, type Draft, type NodeDraft, type RulesPlace, type ServiceDraft, single, tag } from './draft.ts';

/** Ports that pods and nodes answer on, and one that nobody does. */
export const openPorts = { tcp: [80, 8080, 15001], udp: [53, 8080] };
export const closedPort = 81;

/** A few Services, written by what stands in for kube-proxy on each node. */
export const services = (draft: Draft): void => {
  const { random, pods, nodes } = draft;
  if (!random.chance(0.6)) return;
  draft.services = Array.from({ length: random.int(1, 3) }, (_, at): ServiceDraft => {
    const protocol = random.chance(0.75) ? 'tcp' : 'udp';
    return {
      address: { 4: `10.96.0.${10 + at}`, 6: `fd96::${10 + at}` },
      port: protocol === 'tcp' ? 80 : 53,
      targetPort: random.pick(openPorts[protocol].slice(0, 2)),
      protocol,
      endpoints: random.some(pods, random.int(0, 3)),
      ...(random.chance(0.3) ? { nodePort: 30080 + at } : {}),
    };
  });
  const mode = random.chance(0.5) ? 'iptables' : 'nftables';
  tag(draft, `services ${mode}`);
  for (const node of nodes) for (const family of draft.families) (mode === 'iptables' ? byIptables : byNftables)(draft, node, family);
};

export const hostPortOf = (address: string, port: number): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);

/** The chains of kube-proxy 1.36 in iptables mode. */
const byIptables = (draft: Draft, node: NodeDraft, family: Family): void => {
  const place = { space: node.name, family, backend: node.backend } as const;
  const nat = { ...place, table: 'nat' };
  const filter = { ...place, table: 'filter' };
  const fully = draft.random.chance(0.5) ? ' --random-fully' : '';
  addRules(draft, nat, ':KUBE-SERVICES - [0:0]', ':KUBE-POSTROUTING - [0:0]', ':KUBE-MARK-MASQ - [0:0]', ':KUBE-NODEPORTS - [0:0]');
  addRules(draft, nat, '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES', '-A OUTPUT -j KUBE-SERVICES');
  addRules(draft, nat, '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING');
  addRules(draft, nat, '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000');
  addRules(
    draft,
    nat,
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
    `-A KUBE-POSTROUTING -j MASQUERADE${fully}`,
  );
  addRules(draft, filter, ':KUBE-FORWARD - [0:0]', ':KUBE-SERVICES - [0:0]', '-A FORWARD -j KUBE-FORWARD');
  addRules(draft, filter, '-A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES', '-A OUTPUT -m conntrack --ctstate NEW -j KUBE-SERVICES');
  if (draft.random.chance(0.5)) addRules(draft, filter, '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP');
  addRules(draft, filter, '-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT');
  addRules(draft, filter, '-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT');
  draft.services.forEach((service, at) => {
    iptablesService(draft, { place, node, family, service, name: `SVC${at}` });
  });
  addRules(draft, nat, '-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS');
};

interface OneService {
  place: Omit<RulesPlace, 'table'>;
  node: NodeDraft;
  family: Family;
  service: ServiceDraft;
  name: string;
}

const iptablesService = (draft: Draft, { place, node, family, service, name }: OneService): void => {
  const { protocol, port, address, targetPort, endpoints, nodePort } = service;
  const nat = { ...place, table: 'nat' };
  const to = `-d ${single(address[family], family)} -p ${protocol} -m ${protocol} --dport ${port}`;
  if (endpoints.length === 0) {
    addRules(draft, { ...place, table: 'filter' }, `-A KUBE-SERVICES ${to} -j REJECT`);
    return;
  }
  addRules(draft, nat, `:KUBE-${name} - [0:0]`, `-A KUBE-SERVICES ${to} -j KUBE-${name}`);
  addRules(draft, nat, `-A KUBE-${name} ! -s ${node.podCidr[family]} ${to} -j KUBE-MARK-MASQ`);
  if (nodePort !== undefined) {
    const local = draft.random.chance(0.3);
    const rule = `-A KUBE-NODEPORTS -p ${protocol} -m ${protocol} --dport ${nodePort}`;
    if (!local) addRules(draft, nat, `${rule} -j KUBE-MARK-MASQ`);
    addRules(draft, nat, `${rule} -j KUBE-${name}`);
  }
  endpoints.forEach((pod, at) => {
    const chain = `KUBE-SEP-${name}-${at}`;
    const left = endpoints.length - at;
    const luck = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}`;
    addRules(draft, nat, `:${chain} - [0:0]`, `-A KUBE-${name}${luck} -j ${chain}`);
    addRules(draft, nat, `-A ${chain} -s ${single(pod.address[family], family)} -j KUBE-MARK-MASQ`);
    addRules(draft, nat, `-A ${chain} -p ${protocol} -m ${protocol} -j DNAT --to-destination ${hostPortOf(pod.address[family], targetPort)}`);
  });
};

/** The table of kube-proxy 1.36 in nftables mode. */
const byNftables = (draft: Draft, node: NodeDraft, family: Family): void => {
  const ip = family === 4 ? 'ip' : 'ip6';
  const table = `${ip} kube-proxy`;
  const nft = (...texts: string[]): void => add(draft, node.name, 'nft', ...texts);
  nft(
    `add table ${table}`,
    `add chain ${table} mark-for-masquerade`,
    `add rule ${table} mark-for-masquerade mark set mark or 0x4000`,
    `add chain ${table} masquerading`,
    `add rule ${table} masquerading mark and 0x4000 == 0 return`,
    `add rule ${table} masquerading mark set mark xor 0x4000`,
    `add rule ${table} masquerading masquerade fully-random`,
    `add chain ${table} nat-postrouting { type nat hook postrouting priority srcnat; }`,
    `add rule ${table} nat-postrouting jump masquerading`,
    `add set ${table} cluster-ips { type ipv${family}_addr; }`,
    `add map ${table} service-ips { type ipv${family}_addr . inet_proto . inet_service : verdict; }`,
    `add map ${table} service-nodeports { type inet_proto . inet_service : verdict; }`,
    `add map ${table} no-endpoint-services { type ipv${family}_addr . inet_proto . inet_service : verdict; }`,
    `add chain ${table} services`,
    `add rule ${table} services ${ip} daddr . meta l4proto . th dport vmap @service-ips`,
    `add rule ${table} services fib daddr type local ${family === 4 ? 'ip daddr != 127.0.0.0/8 ' : 'ip6 daddr != ::1 '}meta l4proto . th dport vmap @service-nodeports`,
    `add chain ${table} nat-prerouting { type nat hook prerouting priority dstnat; }`,
    `add rule ${table} nat-prerouting jump services`,
    `add chain ${table} nat-output { type nat hook output priority -100; }`,
    `add rule ${table} nat-output jump services`,
    `add chain ${table} reject-chain`,
    `add rule ${table} reject-chain reject`,
    `add chain ${table} service-endpoints-check`,
    `add rule ${table} service-endpoints-check ${ip} daddr . meta l4proto . th dport vmap @no-endpoint-services`,
    `add chain ${table} cluster-ips-check`,
    `add rule ${table} cluster-ips-check ${ip} daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"`,
  );
  for (const hook of ['forward', 'output']) {
    nft(`add chain ${table} filter-${hook} { type filter hook ${hook} priority -110; }`);
    nft(
      `add rule ${table} filter-${hook} ct state new jump service-endpoints-check`,
      `add chain ${table} filter-${hook}-post-dnat { type filter hook ${hook} priority 0; }`,
    );
    nft(`add rule ${table} filter-${hook}-post-dnat ct state new jump cluster-ips-check`);
  }
  draft.services.forEach((service, at) => {
    nftService({ nft, table, ip, node, family, service, name: `svc${at}` });
  });
};

interface OneNftService extends Omit<OneService, 'place'> {
  nft: (...texts: string[]) => void;
  table: string;
  ip: string;
}

const nftService = ({ nft, table, ip, node, family, service, name }: OneNftService): void => {
  const { protocol, port, address, targetPort, endpoints, nodePort } = service;
  const key = `${address[family]} . ${protocol} . ${port}`;
  nft(`add element ${table} cluster-ips { ${address[family]} }`);
  if (endpoints.length === 0) {
    nft(`add element ${table} no-endpoint-services { ${key} : goto reject-chain }`);
    return;
  }
  nft(`add chain ${table} service-${name}`, `add element ${table} service-ips { ${key} : goto service-${name} }`);
  nft(
    `add rule ${table} service-${name} ${ip} daddr ${address[family]} ${protocol} dport ${port} ${ip} saddr != ${node.podCidr[family]} jump mark-for-masquerade`,
  );
  if (nodePort !== undefined) {
    nft(
      `add chain ${table} external-${name}`,
      `add rule ${table} external-${name} jump mark-for-masquerade`,
      `add rule ${table} external-${name} goto service-${name}`,
      `add element ${table} service-nodeports { ${protocol} . ${nodePort} : goto external-${name} }`,
    );
  }
  endpoints.forEach((pod, at) => {
    const chain = `endpoint-${name}-${at}`;
    nft(
      `add chain ${table} ${chain}`,
      `add rule ${table} ${chain} ${ip} saddr ${pod.address[family]} jump mark-for-masquerade`,
      `add rule ${table} ${chain} meta l4proto ${protocol} dnat to ${hostPortOf(pod.address[family], targetPort)}`,
    );
  });
  const choices = endpoints.map((_, at) => `${at} : goto endpoint-${name}-${at}`).join(' , ');
  nft(`add rule ${table} service-${name} numgen random mod ${endpoints.length} vmap { ${choices} }`);
};
