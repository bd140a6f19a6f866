import type { PodFacts } from '../../cluster/facts.ts';
import type { Cause } from '../cause.ts';
import { type Evidence, endPods, failingLegs, nodeOf, podNamed } from '../evidence.ts';

const troubles = (pod: PodFacts): string[] =>
  pod.containers.flatMap(({ name, reason, restarts, ready }) =>
    ready && reason === undefined ? [] : [`container ${name}: ${reason ?? 'not ready'}, ${restarts} restarts`],
  );

export const podNotReady: Cause = {
  code: 'ND1201',
  summary: 'A pod at one end is not ready.',
  recognise: (evidence) => {
    const pod =
      failingLegs(evidence).length === 0 ? undefined : endPods(evidence).find((candidate) => !candidate.ready && candidate.phase !== 'Succeeded');
    if (!pod) return undefined;
    return {
      severity: 'warning',
      confidence: 'possible',
      title: `Pod ${podNamed(pod)} is not ready.`,
      evidence: [`phase ${pod.phase}`, ...troubles(pod)],
      fix: [`$ kubectl -n ${pod.namespace} describe pod ${pod.name}`],
      notes: [],
    };
  },
};

const ends = (evidence: Evidence): string[] =>
  [nodeOf(evidence.from), nodeOf(evidence.to), ...evidence.to.backends.map(({ node }) => node)].filter((node) => node !== undefined);

export const nodeNotReady: Cause = {
  code: 'ND2002',
  summary: 'A node at one end is NotReady.',
  recognise: (evidence) => {
    if (failingLegs(evidence).length === 0) return undefined;
    const names = ends(evidence);
    const node = evidence.facts.nodes.find(({ name, ready }) => names.includes(name) && !ready);
    if (!node) return undefined;
    return {
      severity: 'warning',
      confidence: 'possible',
      title: `Node ${node.name} is NotReady.`,
      place: { node: node.name },
      evidence: [node.notReadyReason ?? 'no reason given'],
      fix: [`$ kubectl describe node ${node.name}`],
      notes: [],
    };
  },
};
