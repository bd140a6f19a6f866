/**
 * How fast policies are judged: published verdicts with all set-up, one verdict and everybody's on a large cluster. Prints, and judges nothing.
 *
 *     node test/bench/policy.ts
 */
import { judgeDiff } from '../../src/doctor/policy/run-diff.ts';
import { judgeMatrix } from '../../src/doctor/policy/run-matrix.ts';
import { engineOf, partyOfPod } from '../../src/policy/engine.ts';
import { judge, judgeBoth } from '../../src/policy/judge.ts';
import { suggest } from '../../src/policy/suggest/suggest.ts';
import { type CyclonusCase, factsOfVectors, hasVectors, objectOf, readVectors } from '../unit/policy/vectors.ts';
import { largeCluster } from './policy-cluster.ts';

const SIZE = { pods: 10_000, namespaces: 500 };

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Wall time, and what the processor spent, which a busy machine does not change as much. */
const timed = <Answer>(what: string, work: () => Answer): Answer => {
  const [started, before] = [performance.now(), process.cpuUsage()];
  const answer = work();
  const { user, system } = process.cpuUsage(before);
  print(`${(performance.now() - started).toFixed(1).padStart(9)} ms ${((user + system) / 1000).toFixed(1).padStart(9)} ms of CPU  ${what}`);
  return answer;
};

/** Every point of every matrix, at the source, at the destination and both together. */
const judgeVectors = (): number => {
  let points = 0;
  for (const { steps } of readVectors<CyclonusCase>('cyclonus-generator')) {
    for (const { namespaces, pods, policies, order, expected } of steps) {
      const objects = (policies ?? []).map((policy, index) => objectOf('networking.k8s.io/v1', 'NetworkPolicy', policy, `p${index}`));
      const engine = engineOf(factsOfVectors(namespaces, pods, objects), 'antrea');
      const parties = new Map(engine.world.pods.map((pod) => [`${pod.namespace}/${pod.name}`, partyOfPod(engine, pod)]));
      for (const { portProtocol, combined } of expected) {
        const [protocol = '', port] = portProtocol.split('/');
        for (const [row, source] of order.entries()) {
          for (const [column, destination] of order.entries()) {
            const [from, to] = [parties.get(source), parties.get(destination)];
            if (!from || !to || !/[.X]/.test(combined[row]?.[column] ?? '')) continue;
            judgeBoth(engine, { from, to, protocol: protocol.toLowerCase() as 'tcp', port: Number(port) });
            points += 3;
          }
        }
      }
    }
  }
  return points;
};

if (hasVectors('cyclonus-generator')) {
  const points = timed('published verdicts, read, set up and judged', judgeVectors);
  print(`${' '.repeat(33)}${points.toLocaleString('en')} points`);
} else print('published verdicts are not beside this checkout');

const facts = largeCluster(SIZE);
print(`${SIZE.pods} pods, ${SIZE.namespaces} namespaces, ${facts.policies?.objects.length} policies:`);
const engine = timed('policies read and put in order', () => engineOf(facts, 'antrea'));
const [first, last] = [facts.pods[1], facts.pods.at(-1)];
if (!first || !last) throw new Error('the cluster has no pods');
const flow = { from: partyOfPod(engine, first), to: partyOfPod(engine, last), protocol: 'tcp', port: 5432 } as const;
timed('one verdict with its trail and doubts, the first', () => judge(engine, flow));
timed('one verdict with its trail and doubts, the second', () => judge(engine, flow));
timed('the smallest policies that allow it', () => suggest({ facts, plugin: 'antrea', flow }));
const matrix = timed('the matrix of all pods and the outside, as a report', () => judgeMatrix(facts, undefined, { plugin: 'antrea', signs: [] }, ''));
print(`${' '.repeat(33)}${matrix.groups.length} groups, ${matrix.traffic.length} kinds of traffic`);
const [policy] = facts.policies?.objects ?? [];
const widened = policy && { ...policy, metadata: { ...policy.metadata, name: 'everything' }, ...{ spec: { podSelector: {}, ingress: [{}] } } };
timed('a diff of one policy more', () => judgeDiff(facts, { files: [], objects: widened ? [widened] : [] }, { plugin: 'antrea', signs: [] }, ''));
print(
  `${Math.round(process.resourceUsage().maxRSS / 1024)
    .toLocaleString('en')
    .padStart(9)} MB                     at most in memory`,
);
