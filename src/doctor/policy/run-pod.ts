import { CliError, EXIT } from '../../cluster/errors.ts';
import type { ClusterFacts, PodFacts } from '../../cluster/facts.ts';
import { ENFORCES_NONE } from '../../diagnosis/policy/codes.ts';
import { unenforcedDraft, unenforcedPolicies } from '../../diagnosis/policy/unenforced.ts';
import { engineOf, partyOfPod } from '../../policy/engine.ts';
import { exposureOf } from '../../policy/exposure.ts';
import { refText } from '../../policy/model.ts';
import type { Enforcement, Exposure, PolicyPodReport } from '../../report/policy/reports.ts';
import { findEnd } from './ends.ts';
import { engineNotes } from './notes.ts';
import { enforcementOf, readEverything } from './read.ts';
import type { PairRequest, PolicyPorts } from './run-pair.ts';

const reportOf = ({ policies, restricted, peers }: ReturnType<typeof exposureOf>): Exposure => ({
  policies: policies.map(refText),
  restricted,
  peers,
});

/** Facts → report, pure. */
export const judgePod = (pod: PodFacts, facts: ClusterFacts, enforcement: Enforcement, time: string): Omit<PolicyPodReport, 'timings'> => {
  const engine = engineOf(facts, enforcement.plugin);
  const refs = unenforcedPolicies(engine, [partyOfPod(engine, pod)]);
  return {
    kind: 'PolicyPodReport',
    time,
    pod: `${pod.namespace}/${pod.name}`,
    addresses: pod.ips,
    ...(pod.node === undefined ? {} : { node: pod.node }),
    enforcement,
    ingress: reportOf(exposureOf(engine, pod, 'ingress')),
    egress: reportOf(exposureOf(engine, pod, 'egress')),
    findings: refs.length === 0 ? [] : [{ code: ENFORCES_NONE.code, ...unenforcedDraft(refs, engine.traits.name, enforcement.signs, 'problem') }],
    notChecked: [
      ...facts.notRead,
      ...(pod.hostNetwork ? [`${pod.namespace}/${pod.name} is on the host network: policies that select pods do not act on it`] : []),
      ...engineNotes(engine, enforcement),
    ],
  };
};

export const runPod = async (request: Pick<PairRequest, 'from' | 'namespace' | 'cni'>, ports: PolicyPorts): Promise<PolicyPodReport> => {
  const { api, say, stopwatch } = ports;
  say(`finding ${request.from}`);
  const end = await stopwatch.measure('find the pod', () => findEnd(api, request.namespace, request.from, 'from'));
  const [pod] = end.is === 'pods' ? end.pods : [];
  if (!pod) throw new CliError(`error: ${end.label} is no pod: name one, or two ends`, EXIT.usage);
  say('reading policies');
  const facts = await stopwatch.measure('read the API', () => readEverything(api));
  say('judging');
  const judged = await stopwatch.measure('judge', async () => judgePod(pod, facts, enforcementOf(facts, request.cni), ports.now().toISOString()));
  const others = end.is === 'pods' ? end.pods.length - 1 : 0;
  return {
    ...judged,
    notChecked: [
      ...judged.notChecked,
      ...(others > 0 ? [`${others} more ${others === 1 ? 'pod' : 'pods'} of ${end.label}: ${judged.pod} was taken`] : []),
    ],
    timings: stopwatch.read(),
  };
};
