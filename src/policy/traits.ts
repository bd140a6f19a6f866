/** What the API leaves to the network plugin, and how one decides. `undefined` in the unknown plugin's: nobody can say. */
export interface Traits {
  /** How a report names it; `unknown` when there was nothing to tell it by. */
  readonly name: string;
  /** Kinds of policy it enforces. */
  readonly enforces: ReadonlySet<PolicyFamily>;
  /** Whether an ipBlock covers the addresses of pods and nodes. Cilium takes both by identity and never by address. */
  readonly ipBlockMatchesCluster: boolean;
  /** Whether rules of a direction that policyTypes leaves out stay without effect. Cilium enforces them (pkg/k8s/network_policy.go, 1.18). */
  readonly heedsTypes: boolean;
  /**
   * Whether a namespaceSelector that says only what a namespace has not takes nodes and the outside, too. Cilium's takes whatever has no such
   * label (the same file).
   */
  readonly negationTakesAll: boolean;
  /** Whether a pod always accepts its own node (NetworkPolicy: "OR if the traffic source is the pod's local node"). */
  readonly acceptsOwnNode: boolean;
  /** Whether a pod may always send to its own node: the API says nothing of it, some plugins' documentation does. */
  readonly reachesOwnNode: boolean;
  /** Whether a pod that reaches itself through a Service is subject to its policies. */
  readonly hairpinPoliced: boolean;
  /** A plugin that does not know endPort applies `port` alone (Kubernetes documentation). */
  readonly endPort: boolean;
  /** Whose rules for tiers and order hold. */
  readonly pipeline: 'kubernetes' | 'calico' | 'cilium';
  /** Traits above that are assumed: a verdict that depends on one says so. */
  readonly assumed: readonly Assumption[];
}

export type Assumption = 'ipBlockMatchesCluster' | 'acceptsOwnNode' | 'reachesOwnNode' | 'hairpinPoliced' | 'endPort';

/** Kinds that come and go together. */
export type PolicyFamily = 'network-policy' | 'admin' | 'cluster' | 'calico' | 'cilium';

const EVERY_FAMILY: ReadonlySet<PolicyFamily> = new Set(['network-policy', 'admin', 'cluster', 'calico', 'cilium']);

/** What the API's own text says; where it says nothing, what most plugins do. */
const API: Omit<Traits, 'name' | 'enforces'> = {
  ipBlockMatchesCluster: true,
  heedsTypes: true,
  negationTakesAll: false,
  acceptsOwnNode: true,
  reachesOwnNode: false,
  hairpinPoliced: true,
  endPort: true,
  pipeline: 'kubernetes',
  assumed: [],
};

const families = (...list: PolicyFamily[]): ReadonlySet<PolicyFamily> => new Set(list);

/**
 * Measured (Calico 3.32, Cilium 1.18, kube-ovn 1.12, OVN-Kubernetes 1.0), else from the plugins' documentation. hairpin, own node: Calico's
 * cali-OUTPUT returns for its own pods and cali-wl-to-host polices the way out; Cilium always allows reserved:host in.
 */
const plugins: Record<string, Omit<Traits, 'name'>> = {
  calico: { ...API, enforces: families('network-policy', 'admin', 'cluster', 'calico'), pipeline: 'calico' },
  cilium: {
    ...API,
    enforces: families('network-policy', 'cilium'),
    ipBlockMatchesCluster: false,
    heedsTypes: false,
    negationTakesAll: true,
    hairpinPoliced: false,
    pipeline: 'cilium',
  },
  'kube-ovn': { ...API, enforces: families('network-policy', 'admin', 'cluster'), assumed: ['acceptsOwnNode', 'hairpinPoliced'] },
  'ovn-kubernetes': { ...API, enforces: families('network-policy', 'admin'), assumed: ['hairpinPoliced'] },
  antrea: { ...API, enforces: families('network-policy', 'admin', 'cluster'), assumed: ['hairpinPoliced'] },
  'kube-router': { ...API, enforces: families('network-policy'), assumed: ['hairpinPoliced'] },
  'kube-network-policies': { ...API, enforces: families('network-policy', 'admin', 'cluster'), assumed: ['reachesOwnNode', 'hairpinPoliced'] },
  kindnet: { ...API, enforces: families('network-policy', 'admin', 'cluster'), assumed: ['reachesOwnNode', 'hairpinPoliced'] },
  weave: { ...API, enforces: families('network-policy'), endPort: false, assumed: ['hairpinPoliced', 'endPort'] },
  aws: { ...API, enforces: families('network-policy', 'cluster'), assumed: ['hairpinPoliced'] },
  azure: { ...API, enforces: families('network-policy'), assumed: ['hairpinPoliced', 'endPort'] },
  flannel: { ...API, enforces: families() },
  bridge: { ...API, enforces: families() },
};

export const PLUGINS: readonly string[] = Object.keys(plugins);

/** Every kind counts, and whatever the API leaves open is said to be open. */
const UNKNOWN: Omit<Traits, 'name' | 'pipeline'> = {
  ...API,
  enforces: EVERY_FAMILY,
  assumed: ['ipBlockMatchesCluster', 'acceptsOwnNode', 'reachesOwnNode', 'hairpinPoliced', 'endPort'],
};

/** @param pipeline for an unknown plugin: whose kinds are there tells whose rules they were written for */
export const traitsOf = (plugin: string | undefined, pipeline: Traits['pipeline'] = 'kubernetes'): Traits => {
  const known = plugin === undefined || !Object.hasOwn(plugins, plugin) ? undefined : plugins[plugin];
  return known && plugin !== undefined ? { name: plugin, ...known } : { name: 'unknown', ...UNKNOWN, pipeline };
};

/** The same plugin, had it decided otherwise. */
export const flipped = (traits: Traits, trait: Assumption): Traits => ({ ...traits, [trait]: !traits[trait] });
