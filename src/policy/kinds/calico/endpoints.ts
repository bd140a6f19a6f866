import type { ApiObject } from '../../../cluster/facts.ts';
import { contains, type Prefix, parsePrefix, sameAddress } from '../../../forwarding/address.ts';
import type { Context } from '../../context.ts';
import type { Party } from '../../party.ts';
import { NAME } from '../../selector/calico-selector.ts';
import type { Labels } from '../../selector/selector.ts';

/** Whatever selectors of Calico select: a pod, a host endpoint, a network set. */
export interface Selectable {
  /** Its own labels, with those that Calico adds and those it inherits. */
  labels: Labels;
  /** Of its namespace, its name among them; empty when it is in none. */
  namespace: Labels;
  /** Of its service account, its name among them. */
  account: Labels;
}

const NONE: Labels = {};

/** Labels that tell by which of Calico's kinds a pod is to be taken (conversion/workload_endpoint_default.go). */
export const CALICO_NAMESPACE = 'projectcalico.org/namespace';
const ORCHESTRATOR = 'projectcalico.org/orchestrator';
const SERVICE_ACCOUNT = 'projectcalico.org/serviceaccount';

/** A label of that name longer than a label may be is left out. */
const LONGEST = 63;

/** Labels of a namespace and a service account are also an endpoint's own, under a prefix each (conversion.NamespaceToProfile). */
const inherited = (prefix: 'pcns.' | 'pcsa.', labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [`${prefix}${key}`, value]));

const podSelectable = ({ world }: Context, party: Party): Selectable | undefined => {
  const { pod, namespace } = party;
  if (!pod || !namespace) return undefined;
  const account = pod.serviceAccount;
  const ofNamespace = { ...namespace.labels, [NAME]: namespace.name };
  const ofAccount = account === undefined ? NONE : { ...world.accountLabels(namespace.name, account), [NAME]: account };
  return {
    labels: {
      ...inherited('pcns.', ofNamespace),
      ...inherited('pcsa.', ofAccount),
      ...party.labels,
      [CALICO_NAMESPACE]: namespace.name,
      [ORCHESTRATOR]: 'k8s',
      ...(account !== undefined && account.length < LONGEST ? { [SERVICE_ACCOUNT]: account } : {}),
    },
    namespace: ofNamespace,
    account: ofAccount,
  };
};

/** An interface of a node that Calico polices. */
export interface HostEndpoint extends Selectable {
  name: string;
  node: string;
  addresses: readonly string[];
  profiles: readonly string[];
}

interface Spec {
  node?: unknown;
  interfaceName?: unknown;
  expectedIPs?: unknown;
  profiles?: unknown;
  nets?: unknown;
  labelsToApply?: unknown;
}

const specOf = (object: ApiObject): Spec => ('spec' in object && typeof object.spec === 'object' && object.spec !== null ? object.spec : {});

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);

const isCalico = ({ apiVersion }: ApiObject): boolean => /^(crd\.)?projectcalico\.org\//.test(apiVersion);

const ofKind = ({ world }: Context, kind: string): ApiObject[] => world.objects.filter((object) => object.kind === kind && isCalico(object));

const hostEndpoints = (context: Context): HostEndpoint[] => {
  const given = new Map(ofKind(context, 'Profile').map((profile) => [profile.metadata.name, specOf(profile).labelsToApply]));
  return ofKind(context, 'HostEndpoint').map((object) => {
    const spec = specOf(object);
    const profiles = texts(spec.profiles);
    const inherited = profiles.map((name) => given.get(name)).filter((labels) => typeof labels === 'object' && labels !== null);
    return {
      name: object.metadata.name,
      node: typeof spec.node === 'string' ? spec.node : '',
      addresses: texts(spec.expectedIPs),
      profiles,
      labels: Object.assign({}, ...inherited.reverse(), object.metadata.labels ?? {}) as Labels,
      namespace: NONE,
      account: NONE,
    };
  });
};

/** A named list of networks, selected by its labels. */
export interface NetworkSet extends Selectable {
  name: string;
  prefixes: readonly Prefix[];
}

const networkSets = (context: Context): NetworkSet[] =>
  [...ofKind(context, 'NetworkSet'), ...ofKind(context, 'GlobalNetworkSet')].map((object) => {
    const { name, namespace, labels = {} } = object.metadata;
    const inside = object.kind === 'NetworkSet' ? context.world.namespaceOf(namespace ?? 'default') : undefined;
    const ofNamespace = inside ? { ...inside.labels, [NAME]: inside.name } : NONE;
    return {
      name,
      prefixes: texts(specOf(object).nets).flatMap((net) => {
        const prefix = parsePrefix(net);
        if (prefix) context.reads.prefixes.set(net, prefix);
        return prefix ?? [];
      }),
      labels: inside ? { ...inherited('pcns.', ofNamespace), ...labels, [CALICO_NAMESPACE]: inside.name } : labels,
      namespace: ofNamespace,
      account: NONE,
    };
  });

/** What selectors of Calico find in this cluster, looked up once. */
export interface Endpoints {
  sets: readonly NetworkSet[];
  hosts: readonly HostEndpoint[];
  /** What a party is to Calico: its pod, or the host endpoint of its node; nothing for the outside. */
  of: (party: Party) => Selectable | undefined;
  /** Everything that stands for a party: what it is, and what its address belongs to. */
  standingFor: (party: Party) => readonly Selectable[];
}

const known = new WeakMap<Context, Endpoints>();

const make = (context: Context): Endpoints => {
  const [sets, hosts] = [networkSets(context), hostEndpoints(context)];
  const pods = new WeakMap<Party, Selectable | undefined>();
  const ofPod = (party: Party): Selectable | undefined => {
    if (!pods.has(party)) pods.set(party, podSelectable(context, party));
    return pods.get(party);
  };
  const hostOf = ({ nodeName }: Party): HostEndpoint | undefined => hosts.find(({ node }) => node === nodeName);
  return {
    sets,
    hosts,
    of: (party) => (party.kind === 'pod' ? ofPod(party) : party.kind === 'node' ? hostOf(party) : undefined),
    standingFor: (party) => {
      const { address, addressText } = party;
      const pod = party.kind === 'pod' ? ofPod(party) : undefined;
      if (!address || addressText === undefined) return pod ? [pod] : [];
      // a host endpoint is known by the addresses it is said to have, not by its node
      const byAddress = hosts.filter(({ addresses }) => addresses.some((one) => sameAddress(one, addressText)));
      return [...(pod ? [pod] : []), ...byAddress, ...sets.filter(({ prefixes }) => prefixes.some((prefix) => contains(prefix, address)))];
    },
  };
};

export const endpointsOf = (context: Context): Endpoints => {
  const found = known.get(context) ?? make(context);
  known.set(context, found);
  return found;
};

/** Notes what a selector reads of pods: labels that Calico adds come from the namespace and the service account. */
export const noteCalicoKeys = ({ reads }: Context, keys: readonly string[]): void => {
  for (const key of keys) {
    if (key === SERVICE_ACCOUNT || key.startsWith('pcsa.')) reads.serviceAccounts = true;
    else if (key !== CALICO_NAMESPACE && key !== ORCHESTRATOR && !key.startsWith('pcns.')) reads.podLabels.add(key);
  }
};
