import type { ApiObject } from '../../cluster/facts.ts';

interface Template {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: object;
}

interface Workload extends ApiObject {
  spec?: { replicas?: number; template?: Template; jobTemplate?: { spec?: { template?: Template } } };
}

const WORKLOADS = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob']);

/** Two of a kind tell what many of a kind do: whether they may talk to each other, too. */
const replicasOf = ({ kind, spec }: Workload): number => {
  if (kind === 'DaemonSet') return 2;
  return kind === 'Job' || kind === 'CronJob' ? 1 : Math.min(spec?.replicas ?? 1, 2);
};

interface Owned {
  metadata: { ownerReferences?: { kind?: string; name?: string }[] };
}

const ownersOf = (object: ApiObject): string[] => {
  const { ownerReferences = [] } = (object as unknown as Owned).metadata;
  return ownerReferences.map(({ kind, name }) => `${object.metadata.namespace} ${kind}/${name}`);
};

/** A Deployment's pods are owned by its ReplicaSets, and those by it. */
const isOwned = (objects: readonly ApiObject[]): ((workload: ApiObject) => boolean) => {
  const owned = new Set(objects.flatMap(ownersOf));
  return ({ kind, metadata }) => owned.has(`${metadata.namespace} ${kind}/${metadata.name}`);
};

/** The pods that the workloads among these objects would make, where no pods of theirs are among them. */
export const podsToBe = (objects: readonly ApiObject[]): ApiObject[] => {
  const has = isOwned(objects);
  return objects.flatMap((object): ApiObject[] => {
    if (!WORKLOADS.has(object.kind) || !/^(apps|batch)\/v1$/.test(object.apiVersion) || has(object) || ownersOf(object).length > 0) return [];
    const workload = object as Workload;
    const template = workload.spec?.template ?? workload.spec?.jobTemplate?.spec?.template;
    if (!template) return [];
    const { kind, metadata } = object;
    return Array.from({ length: replicasOf(workload) }, (_, index): ApiObject => {
      const made = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          ...template.metadata,
          name: `${metadata.name}-${index}`,
          namespace: metadata.namespace ?? 'default',
          ownerReferences: [{ kind, name: metadata.name, controller: true }],
        },
        spec: template.spec ?? {},
      };
      return made;
    });
  });
};
