import { type ChainRule, chainsOf, isDenial, packetsBefore } from './chains.ts';
import type { Carried, Programmed, Wanted } from './programmed.ts';

const POD_CHAIN = /^KUBE-POD-FW-/;
const POLICY_CHAIN = /^KUBE-NWPLCY-/;

/** Chains are called by hashes with the time in them; only their comments say whose they are (pkg/controllers/netpol). */
const isJumpOf = ({ target = '', comments }: ChainRule, namespace: string, pod: string): boolean =>
  POD_CHAIN.test(target) &&
  comments.some(
    (text) =>
      text.includes(` POD name:${pod} namespace: ${namespace} to chain `) || text === `${namespace}/${pod} in` || text === `${namespace}/${pod} out`,
  );

/** Up to 2.10 `run through nw policy NAME`, from 2.11 `NAMESPACE/NAME policy`. */
const policyIn = (comments: readonly string[]): string | undefined =>
  comments.flatMap((text) => /^run through nw policy (\S+)$/.exec(text)?.[1] ?? /^\S+?\/(\S+) policy$/.exec(text)?.[1] ?? []).at(0);

/** kube-router rejects at the end of a pod's chain, whichever direction it was. */
export const kubeRouterRule = ({ snapshot, before, subject, selecting }: Wanted): Programmed | undefined => {
  const { pod, address } = subject;
  if (!pod) return undefined;
  const family = address?.family ?? 4;
  const [chains, earlier] = [chainsOf(snapshot, family), chainsOf(before, family)];
  const target = chains.flatMap(({ rules }) => rules).find((rule) => isJumpOf(rule, pod.namespace, pod.name))?.target;
  const chain = chains.find(({ name }) => name === target);
  const rule = chain?.rules.find(isDenial);
  if (!chain || !rule) return undefined;
  const carried = chain.rules.flatMap((one): Carried[] => {
    const name = policyIn(one.comments);
    if (one.target === undefined || !POLICY_CHAIN.test(one.target) || name === undefined) return [];
    const ref = selecting.find((known) => known.kind === 'NetworkPolicy' && known.name === name);
    return [{ place: one.target, said: `NetworkPolicy ${pod.namespace}/${name}`, ...(ref ? { ref } : {}) }];
  });
  const past = packetsBefore(earlier, chain, rule);
  return {
    node: snapshot.node,
    place: `${chain.table} ${chain.name} ${rule.at}`,
    text: rule.comments.join('; ') || `it ends in ${rule.target}`,
    counter: { ...(past === undefined ? {} : { before: past }), after: rule.packets },
    carried,
    // both directions share the chain: a policy that is not among those selecting may be there for the other
    complete: false,
    notes: [],
  };
};
