import type { ApiObject, ClusterFacts, PodFacts } from '../cluster/facts.ts';
import { type Context, contextOf } from './context.ts';
import { type Problem, rootField } from './field.ts';
import { identityLabels } from './kinds/cilium/identity.ts';
import { groupOf, isReferred, isUnjudged, policyKindOf } from './kinds/kinds.ts';
import type { Direction, Policy, PolicyRef, Tier } from './model.ts';
import { type Party, podParty } from './party.ts';
import { arrange } from './tiers.ts';
import { type Traits, traitsOf } from './traits.ts';
import { type World, worldOf } from './world.ts';

/** A policy that could not be read: the API or the manifest says something that makes no sense here. */
export interface Unreadable {
  policy: PolicyRef;
  problems: readonly Problem[];
}

/** Policies of a kind that is not judged. */
export interface Unjudged {
  apiVersion: string;
  kind: string;
  count: number;
}

/** A cluster's policies, read and put in order. */
export interface Engine {
  readonly context: Context;
  readonly traits: Traits;
  readonly world: World;
  readonly tiers: readonly Tier[];
  /** Known kinds that nothing enforces: staged ones, those of another plugin. */
  readonly idle: readonly Policy[];
  readonly unreadable: readonly Unreadable[];
  readonly unjudged: readonly Unjudged[];
  /** The object a policy was read from. */
  readonly objectOf: (policy: Policy) => ApiObject | undefined;
}

const refOf = ({ apiVersion, kind, metadata }: ApiObject, namespaced: boolean): PolicyRef => ({
  apiVersion,
  kind,
  ...(namespaced ? { namespace: metadata.namespace ?? 'default' } : {}),
  name: metadata.name,
});

/** What is wrong with an object of a known kind; what only a newer API may mean is left out, unless it is somebody's manifest. */
export const problemsOf = (object: ApiObject, context: Context, strict: boolean): Problem[] => {
  const kind = policyKindOf(object);
  const problems: Problem[] = [];
  kind?.read(context, refOf(object, kind.namespaced), rootField(object, problems));
  return strict ? problems : problems.filter(({ tolerable }) => !tolerable);
};

const enforced = (policy: Policy, family: Parameters<Traits['enforces']['has']>[0], { enforces, name }: Traits): Policy =>
  policy.notEnforced !== undefined || enforces.has(family) ? policy : { ...policy, notEnforced: `${name} does not enforce this kind` };

/** Calico's API server lists Kubernetes' own policies as Calico's too, under names of their own. */
const isMirror = ({ apiVersion, kind, metadata }: ApiObject): boolean =>
  groupOf(apiVersion) === 'projectcalico.org' && /^(Global)?NetworkPolicy$/.test(kind) && /^(knp|kanp|kbanp|kcnp)\./.test(metadata.name);

const countUnjudged = (objects: readonly ApiObject[]): Unjudged[] => {
  const counts = new Map<string, Unjudged>();
  for (const { apiVersion, kind } of objects.filter(isUnjudged)) {
    const known = counts.get(`${apiVersion} ${kind}`);
    counts.set(`${apiVersion} ${kind}`, { apiVersion, kind, count: (known?.count ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => (a.kind < b.kind ? -1 : 1));
};

/** Whose rules hold where no plugin is known: those of the kinds that are there. */
const pipelineOf = (objects: readonly ApiObject[]): Traits['pipeline'] => {
  const families = objects.flatMap((object) => policyKindOf(object)?.family ?? []);
  if (families.includes('calico')) return 'calico';
  return families.includes('cilium') ? 'cilium' : 'kubernetes';
};

const compile = (world: World, traits: Traits): Engine => {
  const context = contextOf(world, traits);
  const unreadable: Unreadable[] = [];
  const sources = new Map<PolicyRef, ApiObject>();
  const policies = world.objects.flatMap((object): Policy[] => {
    const kind = policyKindOf(object);
    if (!kind || isMirror(object)) return [];
    const problems: Problem[] = [];
    const ref = refOf(object, kind.namespaced);
    const read = kind.read(context, ref, rootField(object, problems)).map((policy) => enforced(policy, kind.family, traits));
    if (problems.some(({ tolerable }) => !tolerable)) {
      unreadable.push({ policy: ref, problems: problems.filter(({ tolerable }) => !tolerable) });
      return [];
    }
    sources.set(ref, object);
    return read;
  });
  return {
    context,
    traits,
    world,
    tiers: arrange(
      context,
      policies.filter(({ notEnforced }) => notEnforced === undefined),
    ),
    idle: policies.filter(({ notEnforced }) => notEnforced !== undefined),
    unreadable,
    unjudged: countUnjudged(world.objects),
    objectOf: ({ ref }) => sources.get(ref),
  };
};

/** @param plugin the network plugin by its name; without one, the API's own text counts and open questions stay open */
export const engineOf = (facts: ClusterFacts, plugin?: string): Engine => {
  const world = worldOf(facts);
  return compile(world, traitsOf(plugin, pipelineOf(world.objects)));
};

/** The same policies under other traits; only those named, with all that they refer to. */
export const recompiled = (engine: Engine, traits: Traits, policies: readonly Policy[]): Engine => {
  const kept = new Set(policies.map(engine.objectOf));
  const objects = engine.world.objects.filter((object) => kept.has(object) || isReferred(object));
  return compile({ ...engine.world, objects }, traits);
};

/** A pod as this cluster's policies see it. @param address another one of its addresses than the first */
export const partyOfPod = ({ world, traits }: Pick<Engine, 'world' | 'traits'>, pod: PodFacts, address?: string): Party =>
  podParty({
    pod,
    namespace: world.namespaceOf(pod.namespace),
    node: world.nodeNamed(pod.node),
    address,
    ...(traits.pipeline === 'cilium' ? { labels: identityLabels(pod.labels) } : {}),
  });

/** Policies of a tier that have a say in one direction of somebody's traffic. */
export const selecting = (tier: Pick<Tier, 'policies'>, direction: Direction, subject: Party): Policy[] =>
  tier.policies.filter((policy) => policy[direction] !== undefined && policy.subject.matches(subject));
