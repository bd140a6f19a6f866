import type { CiliumPolicyEntry, CiliumState } from '../../node/dataplane-state.ts';
import type { Carried, Counted, Programmed, Wanted } from './programmed.ts';

/** Reasons as the map's reader words them (pkg/monitor/api/drop.go: 133 and 181). */
const BY_DEFAULT = 'Policy denied';
const BY_RULE = 'Policy denied by denylist';

const PROTOCOLS: Record<number, string> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp', 132: 'sctp' };

const denied = (state: CiliumState | undefined, reason: string, direction: Wanted['direction']): number | undefined =>
  state?.metrics.filter((one) => one.reason === reason && one.direction === direction).reduce((sum, { packets }) => sum + packets, 0);

/** Whether an identity's labels are those of the far end. */
const isFar = (state: CiliumState, identity: number, { far }: Wanted): boolean => {
  if (identity === 0) return true;
  const labels = state.identities[`${identity}`] ?? [];
  if (far.kind !== 'pod' || !far.namespace) return labels.some((label) => label.startsWith('reserved:') || label.startsWith('cidr:'));
  const own = new Set(labels);
  return (
    own.has(`k8s:io.kubernetes.pod.namespace=${far.namespace.name}`) &&
    Object.entries(far.labels).every(([key, value]) => own.has(`k8s:${key}=${value}`))
  );
};

const entriesFor = (state: CiliumState, endpoint: string, wanted: Wanted): CiliumPolicyEntry[] =>
  state.policy.filter(
    (entry) =>
      entry.endpoint === endpoint &&
      entry.direction === wanted.direction &&
      entry.deny &&
      (entry.protocol === 0 || PROTOCOLS[entry.protocol] === wanted.protocol) &&
      (entry.port === 0 || entry.port === wanted.port) &&
      isFar(state, entry.identity, wanted),
  );

/** `identity 43443 (k8s:app=c)` */
const identityWords = (identity: number, { identities }: CiliumState): string => {
  const labels = (identities[`${identity}`] ?? []).filter((label) => !/io\.cilium|io\.kubernetes/.test(label));
  return labels.length > 0 ? `identity ${identity} (${labels.join(', ')})` : `identity ${identity}`;
};

/** What the far end's packets bear, as the agent of its own node knows it. */
const farIdentity = ({ far, around = [] }: Wanted): number | undefined => {
  const name = far.kind === 'pod' && far.pod ? `${far.pod.namespace}/${far.pod.name}` : undefined;
  return around.flatMap(({ cilium }) => cilium?.endpoints ?? []).find(({ pod }) => pod !== undefined && pod === name)?.identity;
};

const entryText = ({ identity, protocol, port }: CiliumPolicyEntry, state: CiliumState): string => {
  const who = identity === 0 ? 'anybody' : identityWords(identity, state);
  return `deny ${who}${protocol === 0 ? '' : ` ${PROTOCOLS[protocol] ?? protocol}`}${port === 0 ? '' : ` ${port}`}`;
};

const counted = (before: number | undefined, after: number): Counted => ({ ...(before === undefined ? {} : { before }), after });

/** Where the policies of today allow it, the node may deny it for either reason: the one that counted more. */
const reasonOf = ({ side, snapshot, before, direction }: Wanted): string => {
  if (side.verdict === 'deny') return side.reason.is === 'rule' ? BY_RULE : BY_DEFAULT;
  const risen = (reason: string): number => (denied(snapshot.cilium, reason, direction) ?? 0) - (denied(before?.cilium, reason, direction) ?? 0);
  return risen(BY_RULE) > risen(BY_DEFAULT) ? BY_RULE : BY_DEFAULT;
};

const FOR_THE_NODE = 'Cilium counts what no rule allows for the whole node, not by pod: other denials are in that number, too.';

/** Programs and maps go on without the agent; only it knows which endpoint a pod is. */
const withoutAgent = (wanted: Wanted, state: CiliumState): Programmed | undefined => {
  const { snapshot, before, direction } = wanted;
  const reason = reasonOf(wanted);
  const after = denied(state, reason, direction);
  if (state.endpoints.length > 0 || after === undefined) return undefined;
  return {
    node: snapshot.node,
    place: "the programs' policy maps",
    text: `drop reason ${reason}, ${direction}`,
    counter: counted(denied(before?.cilium, reason, direction), after),
    carried: [],
    complete: false,
    notes: [`Cilium's agent on ${snapshot.node} does not answer, which alone knows the maps by their pods.`, FOR_THE_NODE],
  };
};

/** How Cilium carries out the policies of a pod: a rule that denies is an entry of its map; what nobody allows is counted for the node alone. */
export const ciliumRule = (wanted: Wanted): Programmed | undefined => {
  const { snapshot, before, direction, subject, side, selecting } = wanted;
  const state = snapshot.cilium;
  const { pod } = subject;
  if (!state || !pod) return undefined;
  const endpoint = state.endpoints.find((one) => one.pod === `${pod.namespace}/${pod.name}`);
  if (!endpoint) return withoutAgent(wanted, state);
  const carried = endpoint.policies
    .filter((policy) => policy.direction === direction)
    .map(({ kind, namespace, name }): Carried => {
      const ref = selecting.find((known) => known.kind === kind && known.name === name && known.namespace === namespace);
      return { place: `endpoint ${endpoint.id}`, said: `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`, ...(ref ? { ref } : {}) };
    });
  const common = { node: snapshot.node, carried, complete: false };
  const [entry] = side.reason.is === 'rule' || side.verdict === 'allow' ? entriesFor(state, endpoint.id, wanted) : [];
  if (entry) {
    const earlier = before?.cilium?.policy.find(
      (one) =>
        one.endpoint === entry.endpoint &&
        one.direction === entry.direction &&
        one.identity === entry.identity &&
        one.protocol === entry.protocol &&
        one.port === entry.port &&
        one.deny,
    );
    return {
      ...common,
      place: `policy map of endpoint ${endpoint.id}`,
      text: entryText(entry, state),
      ...(entry.packets === undefined ? {} : { counter: counted(earlier ? (earlier.packets ?? 0) : before?.cilium ? 0 : undefined, entry.packets) }),
      notes: [],
    };
  }
  const reason = reasonOf(wanted);
  const after = denied(state, reason, direction);
  const identity = farIdentity(wanted);
  return {
    ...common,
    place: `policy map of endpoint ${endpoint.id}`,
    text: `no entry allows ${identity === undefined ? 'it' : identityWords(identity, state)}; drop reason ${reason}, ${direction}`,
    ...(after === undefined ? {} : { counter: counted(denied(before?.cilium, reason, direction), after) }),
    notes: [FOR_THE_NODE],
  };
};
