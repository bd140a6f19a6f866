import type { ApiObject, ClusterFacts, PodFacts } from '../../cluster/facts.ts';
import { type Engine, engineOf } from '../engine.ts';
import { judgeBoth } from '../judge.ts';
import { groupOf } from '../kinds/kinds.ts';
import { type Policy, refText } from '../model.ts';
import { sameObject, withObject, withObjects } from '../objects.ts';
import type { Party } from '../party.ts';
import type { Flow, Side } from '../verdict.ts';
import { adminPolicyFor, baselineWith, networkPolicyFor } from './kubernetes.ts';
import { lastingLabels, type Wanted } from './peers.ts';
import { calicoPolicyFor, ciliumPolicyFor } from './plugins.ts';

/** Objects that would allow it, judged again with them in place; or why nothing that is added can. */
export type Suggestion = { objects: ApiObject[]; notes: string[] } | { impossible: string };

export interface ToAllow {
  facts: ClusterFacts;
  /** By its name; absent when it is not known. */
  plugin: string | undefined;
  flow: Flow;
  /** Pods the question was about, when it was about several: the policy is to be for all of them. */
  sources?: readonly PodFacts[];
  destinations?: readonly PodFacts[];
}

/** Both ends, in two tiers each, and one to spare. */
const MOST_STEPS = 6;

const labelsFor = (party: Party, alike: readonly PodFacts[] | undefined): Wanted['subjectLabels'] => {
  const all = alike && alike.length > 1 ? alike.map(({ labels }) => labels) : [party.labels];
  // what the plugin does not look at must not be asked for
  return lastingLabels([party.labels, ...all]);
};

const wantedFor = ({ flow, sources, destinations }: ToAllow, { direction }: Side): Wanted => {
  const { from, to, protocol, port } = flow;
  const [subject, far] = direction === 'ingress' ? [to, from] : [from, to];
  const [near, other] = direction === 'ingress' ? [destinations, sources] : [sources, destinations];
  return {
    direction,
    subject,
    far,
    subjectLabels: labelsFor(subject, near),
    farLabels: labelsFor(far, other),
    protocol,
    ...(port === undefined ? {} : { port }),
  };
};

const findPolicy = (engine: Engine, { reason }: Side): { policy: Policy; tier: readonly Policy[]; tierName: string } | undefined => {
  if (reason.is !== 'rule') return undefined;
  for (const { name, policies } of engine.tiers) {
    const policy = policies.find(({ ref }) => ref === reason.policy);
    if (policy) return { policy, tier: policies, tierName: name };
  }
  return undefined;
};

/** By which API Calico's objects are reached here. */
const calicoVersion = ({ world }: Engine): string =>
  world.objects.some(({ apiVersion }) => groupOf(apiVersion) === 'crd.projectcalico.org') ? 'crd.projectcalico.org/v1' : 'projectcalico.org/v3';

/** Against what a tier does at its end to whatever nobody allows. */
const againstIsolation = (engine: Engine, side: Side, wanted: Wanted): ApiObject => {
  if (side.reason.is === 'tier-default' && side.reason.tier !== 'default')
    return calicoPolicyFor(wanted, side.reason.tier, undefined, calicoVersion(engine));
  const { pipeline } = engine.traits;
  if (pipeline === 'cilium' && (wanted.far.kind === 'node' || wanted.protocol === 'icmp')) return ciliumPolicyFor(wanted);
  if (pipeline === 'calico' && wanted.protocol === 'icmp') return calicoPolicyFor(wanted, 'default', undefined, calicoVersion(engine));
  return networkPolicyFor(wanted);
};

/** Against a rule that denies: something of the same kind that speaks before it. */
const againstRule = (engine: Engine, side: Side, wanted: Wanted): ApiObject | { impossible: string } => {
  const found = findPolicy(engine, side);
  const rule = side.reason.is === 'rule' ? side.reason.rule : '';
  if (!found) return { impossible: 'the policy that denies it is not there any more' };
  const { policy, tier, tierName } = found;
  const named = `${rule} of ${refText(policy.ref)}`;
  const group = groupOf(policy.ref.apiVersion);
  if (group.endsWith('projectcalico.org')) return calicoPolicyFor(wanted, tierName, policy, calicoVersion(engine));
  if (group === 'cilium.io') return { impossible: `${named} denies it, and on Cilium nothing overrules a rule that denies: narrow that rule` };
  if (policy.ref.kind === 'BaselineAdminNetworkPolicy') {
    const object = engine.objectOf(policy);
    const changed = object && baselineWith(wanted, object, Number(/\d+/.exec(rule)?.[0] ?? 0));
    return changed ?? { impossible: `${named} denies it, and its peers cannot name ${wanted.far.label}: narrow that rule` };
  }
  const added = adminPolicyFor(wanted, policy, tier);
  return added ?? { impossible: `${named} denies it, and nothing can come before it or name ${wanted.far.label}: narrow that rule` };
};

/** A new object must not replace one that happens to be called so. */
const renamed = (facts: ClusterFacts, object: ApiObject, replaces: boolean): ApiObject => {
  if (replaces) return object;
  const taken = (name: string): boolean =>
    facts.policies?.objects.some((one) => sameObject(one, { ...object, metadata: { ...object.metadata, name } })) ?? false;
  let { name } = object.metadata;
  for (let number = 2; taken(name); number++) name = `${object.metadata.name.slice(0, 60)}-${number}`;
  return { ...object, metadata: { ...object.metadata, name } };
};

/** Not by one that its packets were found to have. */
const isByOwnAddress = ({ kind, node, addressText }: Party): boolean => kind === 'node' && node?.ips.some((ip) => ip === addressText) === true;

const notesOn = ({ flow }: ToAllow, objects: readonly ApiObject[]): string[] => [
  ...(flow.protocol === 'icmp' && objects.some(({ kind, apiVersion }) => kind === 'NetworkPolicy' && apiVersion.startsWith('networking.k8s.io'))
    ? ['NetworkPolicy cannot name ICMP: this one allows all traffic between the two.']
    : []),
  ...([flow.from, flow.to].some(isByOwnAddress)
    ? ['A node is named by its address here; some plugins send what it starts from the address of a tunnel instead.']
    : []),
];

/** The least that would allow this flow, and nothing broader than the labels of the two ends force. */
export const suggest = (toAllow: ToAllow): Suggestion => {
  let { facts } = toAllow;
  let objects: ApiObject[] = [];
  for (let step = 0; step < MOST_STEPS; step++) {
    const engine = engineOf(facts, toAllow.plugin);
    const { verdict, sides } = judgeBoth(engine, toAllow.flow);
    if (verdict === 'allow') return { objects, notes: notesOn(toAllow, objects) };
    const side = sides.find((one) => one.verdict === 'deny');
    if (!side) break;
    const wanted = wantedFor(toAllow, side);
    if (side.reason.is === 'rule') {
      const added = againstRule(engine, side, wanted);
      if ('impossible' in added) return added;
      const replaces = added.kind === 'BaselineAdminNetworkPolicy';
      objects = withObject(objects, renamed(facts, added, replaces));
    } else objects = withObject(objects, renamed(facts, againstIsolation(engine, side, wanted), false));
    facts = withObjects(toAllow.facts, objects);
  }
  return { impossible: 'no policy that is added allows it: look at what denies it' };
};
