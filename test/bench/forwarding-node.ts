/** Rulesets and nodes of the size that large clusters have, as text of the tools that print them. */

const pad = (value: number, length: number): string => value.toString(36).toUpperCase().padStart(length, '0');

/** `10.96.0.0/12`, in order. */
export const serviceIp = (index: number): string => `10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

/** `10.244.0.0/14`, in order. */
export const endpointIp = (index: number): string => `10.${244 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

export interface KubeProxySize {
  services: number;
  endpoints: number;
}

/** Chains and rules of table nat as kube-proxy writes them in mode iptables. */
const kubeProxyNat = ({ services, endpoints }: KubeProxySize): { chains: string[]; rules: string[] } => {
  const chains = ['KUBE-SERVICES', 'KUBE-MARK-MASQ', 'KUBE-POSTROUTING'];
  const rules = [
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
  ];
  for (let service = 0; service < services; service += 1) {
    const name = `KUBE-SVC-${pad(service, 16)}`;
    const comment = `-m comment --comment "load/service-${service}:http`;
    chains.push(name);
    rules.push(`-A KUBE-SERVICES -d ${serviceIp(service)}/32 -p tcp ${comment} cluster IP" -m tcp --dport 80 -j ${name}`);
    rules.push(`-A ${name} ! -s 10.244.0.0/14 -d ${serviceIp(service)}/32 -p tcp ${comment} cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ`);
    for (let at = 0; at < endpoints; at += 1) {
      const number = service * endpoints + at;
      const endpoint = endpointIp(number);
      const chain = `KUBE-SEP-${pad(number, 16)}`;
      const dice = at < endpoints - 1 ? ` -m statistic --mode random --probability ${(1 / (endpoints - at)).toFixed(11)}` : '';
      chains.push(chain);
      rules.push(
        `-A ${name} ${comment} -> ${endpoint}:8080"${dice} -j ${chain}`,
        `-A ${chain} -s ${endpoint}/32 ${comment}" -j KUBE-MARK-MASQ`,
        `-A ${chain} -p tcp ${comment}" -m tcp -j DNAT --to-destination ${endpoint}:8080`,
      );
    }
  }
  return { chains, rules };
};

/** Chains of table filter as an agent writes them for policies that allow many peers: `cali-pi-…`. */
const policyFilter = (chains: number, rulesEach: number): { chains: string[]; rules: string[] } => {
  const names = Array.from({ length: chains }, (_, index) => `cali-pi-_${pad(index, 16)}`);
  const rules = names.flatMap((name, index) =>
    Array.from({ length: rulesEach }, (_, at) => {
      const source = endpointIp(index * rulesEach + at);
      return `-A ${name} -s ${source}/32 -p tcp -m comment --comment "cali:${pad(index * rulesEach + at, 16)}" -m multiport --dports ${1024 + at},${2048 + at} -j MARK --set-xmark 0x10000/0x10000`;
    }),
  );
  return { chains: names, rules };
};

const table = (name: string, builtin: string[], { chains, rules }: { chains: string[]; rules: string[] }): string =>
  [`*${name}`, ...builtin.map((chain) => `:${chain} ACCEPT [0:0]`), ...chains.map((chain) => `:${chain} - [0:0]`), ...rules, 'COMMIT', ''].join('\n');

const NAT = ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'];

/** iptables-save of table nat. */
export const kubeProxySave = (size: KubeProxySize): string => table('nat', NAT, kubeProxyNat(size));

/** iptables-save with the number of chains and rules asked for: Services, and policies for the rest. */
export const largeSave = ({ chains, rules }: { chains: number; rules: number }): string => {
  const endpoints = 4;
  const policies = Math.round(chains / 20);
  const nat = kubeProxyNat({ services: Math.floor((chains - policies - 3) / (endpoints + 1)), endpoints });
  const filter = policyFilter(policies, Math.ceil((rules - nat.rules.length) / policies));
  return `${table('filter', ['INPUT', 'FORWARD', 'OUTPUT'], filter)}${table('nat', NAT, nat)}`;
};

/** `nft -j list ruleset` of kube-proxy in mode nftables. */
export const kubeProxyNft = ({ services, endpoints }: KubeProxySize): string => {
  const place = { family: 'ip', table: 'kube-proxy' };
  const head: unknown[] = [{ metainfo: { version: '1.0.6', json_schema_version: 1 } }, { table: { family: 'ip', name: 'kube-proxy', handle: 1 } }];
  const rules: unknown[] = [];
  const elements: unknown[] = [];
  const base = (name: string, hook: string, prio: number): void => {
    head.push({ chain: { ...place, name, handle: head.length, type: 'nat', hook, prio, policy: 'accept' } });
    rules.push({ rule: { ...place, chain: name, handle: 1, expr: [{ jump: { target: 'services' } }] } });
  };
  base('nat-prerouting', 'prerouting', -100);
  base('nat-output', 'output', -100);
  head.push({ chain: { ...place, name: 'services', handle: 5 } });
  const key = {
    concat: ['daddr', 'protocol'].map((field) => ({ payload: { protocol: 'ip', field } })).concat([{ payload: { protocol: 'th', field: 'dport' } }]),
  };
  rules.push({ rule: { ...place, chain: 'services', handle: 6, expr: [{ vmap: { key, data: '@service-ips' } }] } });
  for (let service = 0; service < services; service += 1) {
    const name = `service-${pad(service, 8)}-load/service-${service}/tcp/http`;
    const jumps: unknown[] = [];
    head.push({ chain: { ...place, name, handle: head.length } });
    for (let at = 0; at < endpoints; at += 1) {
      const address = endpointIp(service * endpoints + at);
      const chain = `endpoint-${pad(service * endpoints + at, 8)}-load/service-${service}/tcp/http__${address}/8080`;
      head.push({ chain: { ...place, name: chain, handle: head.length } });
      jumps.push([at, { goto: { target: chain } }]);
      const toMark = [
        { match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: address } },
        { jump: { target: 'mark-for-masquerade' } },
      ];
      rules.push(
        { rule: { ...place, chain, handle: rules.length, expr: toMark } },
        {
          rule: {
            ...place,
            chain,
            handle: rules.length,
            expr: [{ match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 'tcp' } }, { dnat: { addr: address, port: 8080 } }],
          },
        },
      );
    }
    const dice = { vmap: { key: { numgen: { mode: 'random', mod: endpoints, offset: 0 } }, data: { set: jumps } } };
    rules.push({ rule: { ...place, chain: name, handle: rules.length, expr: [dice] } });
    elements.push([{ concat: [serviceIp(service), 'tcp', 80] }, { goto: { target: name } }]);
  }
  head.push({ chain: { ...place, name: 'mark-for-masquerade', handle: 7 } });
  head.push({ map: { ...place, name: 'service-ips', type: ['ipv4_addr', 'inet_proto', 'inet_service'], handle: 8, map: 'verdict', elem: elements } });
  return JSON.stringify({ nftables: [...head, ...rules] });
};
