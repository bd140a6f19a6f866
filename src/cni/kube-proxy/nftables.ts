import { isObject, type Json, unwrap } from '../../forwarding/netfilter/nft/json.ts';
import type { NftChain, NftSet, NftTable } from '../../node/netfilter-state.ts';
import type { Family, Netns } from '../../node/snapshot.ts';
import { backendText, keyOf } from './frontend.ts';
import { nftTables } from './mode.ts';
import type { Programmed, ProxyRules } from './rules.ts';

/** Maps of pkg/proxy/nftables/proxier.go: destination → verdict. */
const FORWARDS = ['service-ips', 'service-nodeports'];
const REFUSES = ['no-endpoint-services', 'no-endpoint-nodeports'];

interface Table {
  chains: Map<string, NftChain>;
  forwards: Map<string, { map: string; verdict: unknown }>;
  refuses: Map<string, { map: string; verdict: unknown; comment?: string }>;
}

/** `ADDRESS . PROTOCOL . PORT`, or without the address for node ports. */
const keyOfElement = (key: unknown): string | undefined => {
  const parts = isObject(key) && Array.isArray(key.concat) ? key.concat : [];
  const [port, protocol, address] = [...parts].reverse();
  if (typeof port !== 'number' || (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')) return undefined;
  return keyOf({ ...(typeof address === 'string' ? { address } : {}), protocol, port });
};

const commentOf = (element: unknown): string | undefined => {
  const inner = isObject(element) && isObject(element.elem) ? element.elem.comment : undefined;
  return typeof inner === 'string' ? inner : undefined;
};

const elementsOf = (sets: NftSet[], names: string[]): Map<string, { map: string; verdict: unknown; comment?: string }> =>
  new Map(
    sets
      .filter(({ name }) => names.includes(name))
      .flatMap(({ name, elements }) =>
        elements.flatMap((element) => {
          if (!Array.isArray(element)) return [];
          const key = keyOfElement(unwrap(element[0]));
          const comment = commentOf(element[0]);
          return key === undefined ? [] : [[key, { map: name, verdict: element[1], ...(comment === undefined ? {} : { comment }) }] as const];
        }),
      ),
  );

const readTable = ({ chains, sets }: NftTable): Table => ({
  chains: new Map(chains.map((chain) => [chain.name, chain])),
  forwards: elementsOf(sets, FORWARDS),
  refuses: elementsOf(sets, REFUSES),
});

/** Chain of `goto X` or `jump X`. */
const chainOf = (verdict: unknown): string | undefined => {
  if (!isObject(verdict)) return undefined;
  const body = isObject(verdict.goto) ? verdict.goto : isObject(verdict.jump) ? verdict.jump : undefined;
  return typeof body?.target === 'string' ? body.target : undefined;
};

/** `map { 0 : 10.244.1.3 . 8080, … }` of a choice by number: what it chooses from, and of how many. */
const choiceOf = (body: unknown): { values: unknown[]; of: number } | undefined => {
  if (!isObject(body) || !isObject(body.key) || !isObject(body.key.numgen)) return undefined;
  const set = isObject(body.data) && Array.isArray(body.data.set) ? body.data.set : [];
  return { values: set.flatMap((pair) => (Array.isArray(pair) ? [pair[1]] : [])), of: Number(body.key.numgen.mod) };
};

const backendOfConcat = (value: unknown): string[] => {
  const [address, port] = isObject(value) && Array.isArray(value.concat) ? value.concat : [];
  return typeof address === 'string' && typeof port === 'number' ? [backendText(address, port)] : [];
};

interface Reach {
  targets: string[];
  hollow: string[];
  affinity: boolean;
  leaks?: string;
}

const dnatOf = (body: Json): Reach & { ends: boolean } => {
  const map = isObject(body.addr) && isObject(body.addr.map) ? body.addr.map : undefined;
  const choice = choiceOf(map);
  if (choice) {
    const targets = choice.values.flatMap(backendOfConcat);
    return { targets, hollow: [], affinity: false, ends: targets.length >= choice.of };
  }
  const { addr, port } = body;
  return { targets: typeof addr === 'string' ? [backendText(addr, Number(port))] : [], hollow: [], affinity: false, ends: true };
};

/** Where a chain's connections can end, followed through its verdicts. */
const follow = (name: string, { chains }: Pick<Table, 'chains'>, path: string[] = []): Reach => {
  const targets: string[] = [];
  const hollow: string[] = [];
  let affinity = false;
  let leaks: string | undefined;
  const into = (chain: string): void => {
    if (path.includes(chain) || chain === name) return;
    const next = follow(chain, { chains }, [...path, name]);
    targets.push(...next.targets);
    hollow.push(...next.hollow);
    affinity ||= next.affinity;
    leaks ??= next.leaks;
  };
  for (const { expr } of chains.get(name)?.rules ?? []) {
    for (const statement of expr) {
      if (!isObject(statement)) continue;
      if (isObject(statement.set) && String(statement.set.set).startsWith('@affinity-')) affinity = true;
      if (isObject(statement.dnat)) {
        const dnat = dnatOf(statement.dnat);
        targets.push(...dnat.targets);
        if (!dnat.ends) leaks = name;
      }
      const choice = choiceOf(statement.vmap);
      const chosen = choice?.values.flatMap((verdict) => chainOf(verdict) ?? []) ?? [];
      if (choice && chosen.length < choice.of) leaks = name;
      for (const chain of [...chosen, ...[chainOf(statement) ?? []].flat()]) if (chain !== 'mark-for-masquerade') into(chain);
    }
  }
  const found = { targets: [...new Set(targets)], hollow: [...new Set(hollow)], affinity, ...(leaks === undefined ? {} : { leaks }) };
  // goto does not come back: what meets an empty chain stays as it is
  return targets.length === 0 && hollow.length === 0 ? { ...found, hollow: [name], leaks: name } : found;
};

/** `service-AXK6CI2C-demo/web/tcp/http` → `demo/web` */
const serviceOfChain = (chain: string): { service?: string } => {
  const [, service] = /^[a-z]+-[A-Z2-7]{8}-([a-z0-9-]+\/[a-z0-9.-]+)\//.exec(chain) ?? [];
  return service === undefined ? {} : { service };
};

const programmed = (table: Table, key: string, family: string): Programmed | undefined => {
  const way = table.forwards.get(key);
  const chain = chainOf(way?.verdict);
  const words = (map: string): string => `table ${family} kube-proxy, map ${map}`;
  if (way && chain !== undefined)
    return { verdict: 'forward', text: `${words(way.map)}: goto ${chain}`, chain, ...serviceOfChain(chain), ...follow(chain, table) };
  const refused = table.refuses.get(key);
  if (!refused) return undefined;
  const verdict = isObject(refused.verdict) && 'drop' in refused.verdict ? 'drop' : 'reject';
  const service = refused.comment?.replace(/:.*/, '');
  return { verdict, text: words(refused.map), targets: [], hollow: [], affinity: false, ...(service === undefined ? {} : { service }) };
};

const NFT_FAMILIES: Record<Family, string> = { 4: 'ip', 6: 'ip6' };

const looksUp = (chain: NftChain | undefined, map: string): boolean =>
  chain?.rules.some(({ expr }) => expr.some((statement) => isObject(statement) && isObject(statement.vmap) && statement.vmap.data === `@${map}`)) ??
  false;

const leadsTo = (chain: NftChain | undefined, target: string): boolean =>
  chain?.rules.some(({ expr }) => expr.some((statement) => chainOf(statement) === target)) ?? false;

const hooked = (table: NftTable, hook: string, target = 'services'): boolean =>
  table.chains.some((chain) => chain.type === 'nat' && chain.hook === hook && leadsTo(chain, target));

const masquerades = (chain: NftChain | undefined): boolean =>
  chain?.rules.some(({ expr }) => expr.some((statement) => isObject(statement) && 'masquerade' in statement)) ?? false;

export const nftablesRules = (host: Netns): ProxyRules => {
  const tables = new Map(nftTables(host).map((table) => [table.family as string, { raw: table, read: readTable(table) }]));
  const of = (family: Family) => tables.get(NFT_FAMILIES[family]);
  return {
    lookup: (frontend) => {
      const table = of(frontend.family);
      const found = table && programmed(table.read, keyOf(frontend), NFT_FAMILIES[frontend.family]);
      return found ? [found] : [];
    },
    unhooked: ({ family, kind }) => {
      const table = of(family);
      if (!table) return [];
      const [map] = kind === 'node port' ? ['service-nodeports'] : ['service-ips'];
      return [
        ...['prerouting', 'output']
          .filter((hook) => !hooked(table.raw, hook))
          .map((hook) => `no chain of ${NFT_FAMILIES[family]} kube-proxy leads from ${hook} to services`),
        ...(looksUp(table.read.chains.get('services'), map ?? '')
          ? []
          : [`chain services of ${NFT_FAMILIES[family]} kube-proxy does not look into map ${map}`]),
        ...(table.raw.flags?.includes('dormant') ? [`table ${NFT_FAMILIES[family]} kube-proxy is dormant`] : []),
      ];
    },
    unmasked: ({ family }) => {
      const table = of(family);
      if (!table) return [];
      const name = `${NFT_FAMILIES[family]} kube-proxy`;
      return [
        ...(hooked(table.raw, 'postrouting', 'masquerading') ? [] : [`no chain of ${name} leads from postrouting to masquerading`]),
        ...(masquerades(table.read.chains.get('masquerading')) ? [] : [`chain masquerading of ${name} does not masquerade`]),
      ];
    },
  };
};
