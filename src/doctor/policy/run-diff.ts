import { isDeepStrictEqual } from 'node:util';
import type { ApiObject, ClusterFacts, NamespaceFacts, PolicyFacts } from '../../cluster/facts.ts';
import { ENFORCES_NONE } from '../../diagnosis/policy/codes.ts';
import { unenforcedDraft, unenforcedPolicies } from '../../diagnosis/policy/unenforced.ts';
import { engineOf } from '../../policy/engine.ts';
import { isReferred, isUnjudged, policyKindOf } from '../../policy/kinds/kinds.ts';
import { differenceOf } from '../../policy/matrix/diff.ts';
import { refText } from '../../policy/model.ts';
import { sameObject, withObjects } from '../../policy/objects.ts';
import { portSetText } from '../../policy/port-set.ts';
import { listText } from '../../policy/words.ts';
import type { Enforcement, PolicyDiffReport } from '../../report/policy/reports.ts';
import { engineNotes } from './notes.ts';
import { enforcementOf, readEverything } from './read.ts';
import type { PolicyPorts } from './run-pair.ts';

export interface DiffRequest {
  files: string[];
  /** What the files hold, checked already. */
  objects: ApiObject[];
  cni?: string;
}

const isPolicy = (object: ApiObject): boolean => policyKindOf(object) !== undefined || isReferred(object) || isUnjudged(object);

const namedFacts = ({ metadata }: ApiObject): NamespaceFacts => ({ name: metadata.name, labels: metadata.labels ?? {} });

const replaced = <Fact extends NamespaceFacts>(known: readonly Fact[], added: readonly Fact[], keyOf: (fact: Fact) => string): Fact[] => [
  ...new Map([...known, ...added].map((fact) => [keyOf(fact), fact])).values(),
];

/** The cluster once the objects are applied: policies, what they refer to, and the labels of namespaces and service accounts. */
const applied = (facts: ClusterFacts, objects: readonly ApiObject[]): ClusterFacts => {
  const after = withObjects(facts, objects.filter(isPolicy));
  const policies: PolicyFacts = after.policies ?? { namespaces: [], serviceAccounts: [], objects: [] };
  const ofKind = (kind: string): ApiObject[] => objects.filter((object) => object.apiVersion === 'v1' && object.kind === kind);
  const accounts = ofKind('ServiceAccount').map((object) => ({ ...namedFacts(object), namespace: object.metadata.namespace ?? 'default' }));
  return {
    ...after,
    policies: {
      ...policies,
      namespaces: replaced(policies.namespaces, ofKind('Namespace').map(namedFacts), ({ name }) => name),
      serviceAccounts: replaced(policies.serviceAccounts, accounts, ({ namespace, name }) => `${namespace}/${name}`),
    },
  };
};

const specOf = (object: ApiObject): unknown => ('spec' in object ? object.spec : undefined);

const changeOf = (facts: ClusterFacts, object: ApiObject): PolicyDiffReport['objects'][number] => {
  const { kind, metadata, apiVersion } = object;
  const { namespace, name } = metadata;
  const known = facts.policies?.objects.find((one) => sameObject(one, object));
  const change = !known ? 'added' : isDeepStrictEqual(specOf(known), specOf(object)) ? 'unchanged' : 'changed';
  return { object: refText({ apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) }), change };
};

/** Objects of the files that change nothing here, as they are not about who may talk to whom. */
const leftOut = (objects: readonly ApiObject[]): string[] => {
  const others = objects.filter((object) => !isPolicy(object) && !(object.apiVersion === 'v1' && /^(Namespace|ServiceAccount)$/.test(object.kind)));
  if (others.length === 0) return [];
  const kinds = [...Map.groupBy(others, ({ kind }) => kind)].map(([kind, own]) => `${own.length} ${kind}`);
  return [`${listText(kinds, 6)} in the files: only policies are applied here, pods and Services stay as they are`];
};

/** Facts → report, pure. */
export const judgeDiff = (
  facts: ClusterFacts,
  { files, objects }: DiffRequest,
  enforcement: Enforcement,
  time: string,
): Omit<PolicyDiffReport, 'timings'> => {
  const [before, after] = [engineOf(facts, enforcement.plugin), engineOf(applied(facts, objects), enforcement.plugin)];
  const { changes, compared } = differenceOf(before, after);
  const refs = unenforcedPolicies(after, 'all');
  return {
    kind: 'PolicyDiffReport',
    time,
    files,
    enforcement,
    objects: objects.filter(isPolicy).map((object) => changeOf(facts, object)),
    changes: changes.map(({ from, to, before: had, after: has, lost, gained }) => ({
      from,
      to,
      before: portSetText(had),
      after: portSetText(has),
      lost: portSetText(lost),
      gained: portSetText(gained),
    })),
    compared,
    findings: refs.length === 0 ? [] : [{ code: ENFORCES_NONE.code, ...unenforcedDraft(refs, after.traits.name, enforcement.signs, 'warning') }],
    notChecked: [
      ...facts.notRead,
      'nodes and pods on the host network: what they may send and get is not compared',
      ...leftOut(objects),
      ...engineNotes(after, enforcement),
    ],
  };
};

/** Whether something that was allowed is not any more. */
export const breaks = ({ changes }: Pick<PolicyDiffReport, 'changes'>): boolean => changes.some(({ lost }) => lost !== 'none');

export const runDiff = async (request: DiffRequest, ports: PolicyPorts): Promise<PolicyDiffReport> => {
  const { api, say, stopwatch } = ports;
  say('reading pods and policies');
  const facts = await stopwatch.measure('read the API', () => readEverything(api));
  say('comparing');
  const judged = await stopwatch.measure('judge', async () =>
    judgeDiff(facts, request, enforcementOf(facts, request.cni), ports.now().toISOString()),
  );
  return { ...judged, timings: stopwatch.read() };
};
