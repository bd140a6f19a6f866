import type { CiliumEndpoint, CiliumPolicyEntry, CiliumState } from '../dataplane-state.ts';
import { isRecord, type Json, listAt, numberAt, optional, type Parsed, readEach, readRecords, recordAt, stringAt, stringsAt } from './json.ts';

const readJson = <Value>(text: string, read: (item: Json) => Value | undefined): Parsed<Value[]> => {
  const { value: items, unparsed } = readRecords(text);
  const each = readEach(items, read);
  return { value: each.value, unparsed: [...unparsed, ...each.unparsed] };
};

/** `cilium-dbg bpf metrics list -o json` */
const readMetric = (item: Json): CiliumState['metrics'][number] | undefined => {
  const reason = stringAt(item, 'reason');
  const direction = stringAt(item, 'direction')?.toLowerCase();
  if (reason === undefined) return undefined;
  return {
    reason,
    direction: direction === 'egress' ? 'egress' : 'ingress',
    packets: numberAt(item, 'packets') ?? 0,
    bytes: numberAt(item, 'bytes') ?? 0,
  };
};

/** A key holds its port in network byte order, read as a number of the machine's. */
const portOf = (network: number): number => ((network & 0xff) << 8) | (network >> 8);

/** pkg/maps/policymap: bit 0 of the flags is deny; all ones in a counter is none. */
const DENY = 1;

/** `cilium-dbg bpf policy get --all -o json` */
const readMap = (item: Json): CiliumPolicyEntry[] =>
  listAt(item, 'Content')
    .filter(isRecord)
    .map((entry) => {
      const key = recordAt(entry, 'Key');
      const packets = numberAt(entry, 'Packets');
      return {
        endpoint: stringAt(item, 'EndpointID') ?? '',
        direction: numberAt(key, 'TrafficDirection') === 1 ? 'egress' : 'ingress',
        deny: ((numberAt(entry, 'Flags') ?? 0) & DENY) === DENY,
        identity: numberAt(key, 'Identity') ?? 0,
        protocol: numberAt(key, 'Nexthdr') ?? 0,
        port: portOf(numberAt(key, 'DestPortNetwork') ?? 0),
        ...(packets === undefined || packets > Number.MAX_SAFE_INTEGER ? {} : { packets }),
      };
    });

const PREFIX = 'k8s:io.cilium.k8s.policy.';

/** A rule's labels say which policy it was made from (pkg/k8s/apis/cilium.io/utils: GetPolicyLabels). */
const readOrigin = (labels: unknown, direction: 'ingress' | 'egress'): CiliumEndpoint['policies'] => {
  if (!Array.isArray(labels)) return [];
  const of = (key: string): string | undefined =>
    labels
      .map((label) => `${label}`)
      .find((label) => label.startsWith(`${PREFIX}${key}=`))
      ?.slice(PREFIX.length + key.length + 1);
  const [kind, name] = [of('derived-from'), of('name')];
  return kind && name ? [{ direction, kind, name, ...optional('namespace', of('namespace')) }] : [];
};

const originsOf = (status: Json): CiliumEndpoint['policies'] => {
  const l4 = recordAt(recordAt(recordAt(status, 'policy'), 'realized'), 'l4');
  const all = (['ingress', 'egress'] as const).flatMap((direction) =>
    listAt(l4, direction)
      .filter(isRecord)
      .flatMap((rule) => listAt(rule, 'derived-from-rules').flatMap((labels) => readOrigin(labels, direction))),
  );
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
};

/** `cilium-dbg endpoint list -o json` */
const readEndpoint = (item: Json): CiliumEndpoint | undefined => {
  const id = stringAt(item, 'id');
  if (id === undefined) return undefined;
  const status = recordAt(item, 'status');
  const names = recordAt(status, 'external-identifiers');
  const [namespace, name] = [stringAt(names, 'k8s-namespace'), stringAt(names, 'k8s-pod-name')];
  return {
    id,
    ...optional('pod', namespace && name ? `${namespace}/${name}` : undefined),
    ...optional('identity', numberAt(recordAt(status, 'identity'), 'id')),
    policies: originsOf(status),
  };
};

/** `cilium-dbg identity list -o json` */
const readIdentity = (item: Json): [string, string[]] | undefined => {
  const id = stringAt(item, 'id');
  return id === undefined ? undefined : [id, stringsAt(item, 'labels')];
};

/** The answers of Cilium's own program on the node, each by itself. */
export const parseCilium = {
  metrics: (text: string): Parsed<CiliumState['metrics']> => readJson(text, readMetric),
  policy: (text: string): Parsed<CiliumState['policy']> => {
    const { value, unparsed } = readJson(text, readMap);
    return { value: value.flat(), unparsed };
  },
  endpoints: (text: string): Parsed<CiliumState['endpoints']> => readJson(text, readEndpoint),
  identities: (text: string): Parsed<CiliumState['identities']> => {
    const { value, unparsed } = readJson(text, readIdentity);
    return { value: Object.fromEntries(value), unparsed };
  },
};
