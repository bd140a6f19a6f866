import type { PodFacts } from '../cluster/facts.ts';

const SHORT: Record<string, string> = { Deployment: 'deploy', StatefulSet: 'sts', DaemonSet: 'ds', ReplicaSet: 'rs', Job: 'job' };

const HASH = 'pod-template-hash';

/** `shop/deploy/web`, or `shop/web-0` for a pod of nobody: as it may be written on the command line. */
export const workloadOf = ({ namespace, name, owner, labels }: PodFacts): string => {
  const [, kind = '', ownerName = ''] = /^([^/]+)\/(.+)$/.exec(owner ?? '') ?? [];
  const hash = labels[HASH];
  // a Deployment's ReplicaSets are called after it and the hash of their template
  if (kind === 'ReplicaSet' && hash !== undefined && ownerName.endsWith(`-${hash}`))
    return `${namespace}/deploy/${ownerName.slice(0, -hash.length - 1)}`;
  return SHORT[kind] ? `${namespace}/${SHORT[kind]}/${ownerName}` : `${namespace}/${name}`;
};
