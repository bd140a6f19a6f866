import { createHash } from 'node:crypto';
import { groupOf } from '../kinds/kinds.ts';
import type { Direction, PolicyRef } from '../model.ts';

/** The longest name iptables takes for a chain (felix/iptables: MaxChainNameLength). */
const LONGEST = 28;

/** felix/iptables/actions: HashToLength; the hash is as long as the room that is left. */
const hashed = (prefix: string, id: string): string => {
  if (prefix.length + id.length <= LONGEST) return prefix + id;
  return `${prefix}_${createHash('sha256')
    .update(id)
    .digest('base64url')
    .slice(0, LONGEST - prefix.length - 1)}`;
};

/** libcalico-go: names of workload interfaces are `cali` and the start of a hash of `namespace.pod` (WorkloadEndpointConverter). */
export const calicoInterface = (namespace: string, pod: string): string =>
  `cali${createHash('sha1').update(`${namespace}.${pod}`).digest('hex').slice(0, 11)}`;

/** The names of Kubernetes' own kinds among Calico's. */
const KUBERNETES: Record<string, { short: string; tier: string }> = {
  NetworkPolicy: { short: 'knp', tier: 'default' },
  AdminNetworkPolicy: { short: 'kanp', tier: 'adminnetworkpolicy' },
  BaselineAdminNetworkPolicy: { short: 'kbanp', tier: 'baselineadminnetworkpolicy' },
  ClusterNetworkPolicy: { short: 'kcnp', tier: 'kube-admin' },
};

/** What Felix calls a policy: from 3.32 on by its kind (felix/types: PolicyID), from 3.29 by its tier, before by its name alone. */
const idsOf = ({ apiVersion, kind, namespace, name }: PolicyRef, tier: string): string[] => {
  const inside = namespace === undefined ? '' : `${namespace}/`;
  if (!groupOf(apiVersion).endsWith('projectcalico.org')) {
    const { short, tier: own } = KUBERNETES[kind] ?? { short: kind.toLowerCase(), tier };
    const full = `${short}.${own}.${name}`;
    return [`${short}/${inside}${name}`, `${own}/${inside}${full}`, `${tier}/${inside}${full}`, `${inside}${full}`];
  }
  const short = kind === 'GlobalNetworkPolicy' ? 'gnp' : 'np';
  // the default tier's name was not always part of a policy's
  const names = [...new Set([name, `${tier}.${name}`, name.replace(`${tier}.`, '')])];
  return names.flatMap((one) => [`${short}/${inside}${one}`, `${tier}/${inside}${one}`, `${inside}${one}`]);
};

/** Every name that some version of Felix gives the chain of a policy; nftables' names may be long, and are not hashed from 3.32 on. */
export const calicoChains = (ref: PolicyRef, tier: string, direction: Direction): string[] => {
  const prefix = direction === 'ingress' ? 'cali-pi-' : 'cali-po-';
  return [...new Set(idsOf(ref, tier).flatMap((id) => [hashed(prefix, id), prefix + id]))];
};
