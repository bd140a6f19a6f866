import type { ClusterFacts } from '../../cluster/facts.ts';
import { ENFORCES_NONE } from '../../diagnosis/policy/codes.ts';
import { unenforcedDraft, unenforcedPolicies } from '../../diagnosis/policy/unenforced.ts';
import { engineOf } from '../../policy/engine.ts';
import { familiesOf, outsideClasses, podClasses } from '../../policy/matrix/classes.ts';
import { type Group, groupsOf, podsOfGroup } from '../../policy/matrix/groups.ts';
import { type Matrix, matrixOf } from '../../policy/matrix/matrix.ts';
import { podNamer } from '../../policy/matrix/names.ts';
import { regionNames } from '../../policy/matrix/regions.ts';
import { portSetText } from '../../policy/port-set.ts';
import { listText } from '../../policy/words.ts';
import type { Enforcement, MatrixGroup, PolicyMatrixReport } from '../../report/policy/reports.ts';
import { engineNotes } from './notes.ts';
import { enforcementOf, readEverything, readNamespace } from './read.ts';
import type { PolicyPorts } from './run-pair.ts';

export interface MatrixRequest {
  /** Absent: all. */
  namespace?: string;
  cni?: string;
}

const describe = (groups: readonly Group[]): MatrixGroup[] => {
  const namePods = podNamer(groups.flatMap(podsOfGroup));
  return groups.map((group): MatrixGroup => {
    const pods = podsOfGroup(group);
    const members = pods.length > 0 ? namePods(pods) : regionNames(group.members.flatMap(({ region }) => region ?? []));
    return {
      name: pods.length > 0 ? listText(members, 2) : `outside ${listText(members, 2)}`,
      kind: pods.length > 0 ? 'pods' : 'outside',
      members,
      pods: pods.length,
    };
  });
};

/** Cells of groups, each set of traffic by its place in a list. */
const cellsOf = ({ classes, cells, sets }: Matrix, groups: readonly Group[]): Pick<PolicyMatrixReport, 'traffic' | 'cells'> => {
  const numbers = new Map<number, number>();
  const traffic: string[] = [];
  const numberOf = (cell: number): number => {
    const known = numbers.get(cell);
    if (known !== undefined) return known;
    numbers.set(cell, traffic.length);
    return traffic.push(portSetText(sets.setOf(cell))) - 1;
  };
  const heads = groups.map(({ classes: [first = 0] }) => first);
  return { cells: heads.map((row) => heads.map((column) => numberOf(cells[row * classes.length + column] ?? 0))), traffic };
};

/** Facts → report, pure. */
export const judgeMatrix = (
  facts: ClusterFacts,
  namespace: string | undefined,
  enforcement: Enforcement,
  time: string,
): Omit<PolicyMatrixReport, 'timings'> => {
  const engine = engineOf(facts, enforcement.plugin);
  const pods = facts.pods.filter((pod) => namespace === undefined || pod.namespace === namespace);
  const classes = [...podClasses(engine, pods), ...familiesOf(engine).flatMap((family) => outsideClasses(engine, family))];
  const matrix = matrixOf(engine, classes);
  const groups = groupsOf(matrix);
  const refs = unenforcedPolicies(engine, 'all');
  return {
    kind: 'PolicyMatrixReport',
    time,
    ...(namespace === undefined ? {} : { namespace }),
    enforcement,
    groups: describe(groups),
    ...cellsOf(matrix, groups),
    findings: refs.length === 0 ? [] : [{ code: ENFORCES_NONE.code, ...unenforcedDraft(refs, engine.traits.name, enforcement.signs, 'problem') }],
    notChecked: [
      ...facts.notRead,
      'nodes and pods on the host network: policies seldom act on them; ask for one pod (policy POD) to see what nodes may do',
      ...(namespace === undefined ? [] : [`pods of other namespaces than ${namespace} (-A shows all)`]),
      ...engineNotes(engine, enforcement),
    ],
  };
};

export const runMatrix = async ({ namespace, cni }: MatrixRequest, ports: PolicyPorts): Promise<PolicyMatrixReport> => {
  const { api, say, stopwatch, thorough } = ports;
  say('reading pods and policies');
  const facts = await stopwatch.measure('read the API', () =>
    namespace === undefined || thorough ? readEverything(api) : readNamespace(api, namespace),
  );
  say('judging');
  const judged = await stopwatch.measure('judge', async () => judgeMatrix(facts, namespace, enforcementOf(facts, cni), ports.now().toISOString()));
  return { ...judged, timings: stopwatch.read() };
};
