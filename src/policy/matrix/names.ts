import type { PodFacts } from '../../cluster/facts.ts';
import { workloadOf } from '../workload.ts';

const podName = ({ namespace, name }: PodFacts): string => `${namespace}/${name}`;

/** How a set of pods is called: by namespaces and workloads where it has all of theirs, else pod by pod. */
export type PodNamer = (pods: readonly PodFacts[]) => string[];

const counted = (pods: readonly PodFacts[], keyOf: (pod: PodFacts) => string): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const pod of pods) counts.set(keyOf(pod), (counts.get(keyOf(pod)) ?? 0) + 1);
  return counts;
};

/** @param all pods there are, of which sets are named */
export const podNamer = (all: readonly PodFacts[]): PodNamer => {
  const inNamespace = counted(all, ({ namespace }) => namespace);
  const inWorkload = counted(all, workloadOf);
  return (pods) => {
    if (pods.length === all.length && pods.length > 0 && inNamespace.size > 1) return ['all pods'];
    return [...Map.groupBy(pods, ({ namespace }) => namespace)]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([namespace, own]) => {
        const workloads = Map.groupBy(own, workloadOf);
        if (own.length === inNamespace.get(namespace) && workloads.size > 1) return [`all pods of ${namespace}`];
        return [...workloads].flatMap(([workload, members]) => (members.length === inWorkload.get(workload) ? [workload] : members.map(podName)));
      });
  };
};
