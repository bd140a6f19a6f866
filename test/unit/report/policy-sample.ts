import { runAssert } from '../../../src/doctor/policy/run-assert.ts';
import { runDiff } from '../../../src/doctor/policy/run-diff.ts';
import { runMatrix } from '../../../src/doctor/policy/run-matrix.ts';
import { runPair } from '../../../src/doctor/policy/run-pair.ts';
import { runPod } from '../../../src/doctor/policy/run-pod.ts';
import { parseAssertions } from '../../../src/policy/assertion/parse.ts';
import type {
  AnyPolicyReport,
  PolicyAssertReport,
  PolicyDiffReport,
  PolicyMatrixReport,
  PolicyPodReport,
  PolicyReport,
} from '../../../src/report/policy/reports.ts';
import { portsOf, SHOP } from '../policy/shop.ts';
import { objectsIn } from '../policy/world.ts';

const NEW = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: pg}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: egress, namespace: other}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}
`;

const ASSERTIONS = `- {from: deploy/web, to: svc/db, expect: allow}
- {from: other/deploy/job, to: sts/db, port: pg, expect: deny, name: 'others <stay> # "out"'}
- {from: deploy/web, to: svc/nowhere, expect: allow}
`;

/** A wall clock makes a document that is not the same tomorrow. */
const untimed = <Report extends AnyPolicyReport>(report: Report): Report => ({ ...report, timings: {} });

export const deniedPair = async (): Promise<PolicyReport> =>
  untimed(await runPair({ from: 'deploy/web', to: 'svc/db', namespace: 'shop', cni: 'calico' }, portsOf(SHOP)));

export const onePod = async (): Promise<PolicyPodReport> =>
  untimed(await runPod({ from: 'other/deploy/job', namespace: 'shop' }, portsOf(`${SHOP}---\n${NEW.split('---\n')[1]}`)));

export const wholeMatrix = async (): Promise<PolicyMatrixReport> =>
  untimed(await runMatrix({}, portsOf(`${SHOP}---\n${NEW.replace('name: db,', 'name: web,')}`)));

export const someDiff = async (): Promise<PolicyDiffReport> =>
  untimed(await runDiff({ files: ['new.yaml'], objects: objectsIn(NEW) }, portsOf(SHOP)));

export const someAssertions = async (): Promise<PolicyAssertReport> => {
  const { assertions } = parseAssertions({ file: 'expected.yaml', text: ASSERTIONS });
  return untimed(await runAssert({ file: 'expected.yaml', assertions, namespace: 'shop' }, portsOf(SHOP)));
};

/** By the names of the schemas. */
export const policySamples = async (): Promise<Record<string, AnyPolicyReport[]>> => {
  const denied = await deniedPair();
  return {
    policy: [
      denied,
      { ...denied, proof: { from: 'shop/web-0', to: 'shop/db-0', answered: 0, sent: 5, agrees: true } },
      untimed(await runPair({ from: 'sts/db', to: 'svc/db', namespace: 'shop', cni: 'cilium' }, portsOf(SHOP))),
      untimed(await runPair({ from: '10.1.2.3', to: 'deploy/job', port: 80, namespace: 'other' }, portsOf(SHOP))),
    ],
    'policy-pod': [await onePod()],
    'policy-matrix': [await wholeMatrix(), untimed(await runMatrix({ namespace: 'shop' }, portsOf(SHOP)))],
    'policy-diff': [await someDiff()],
    'policy-assert': [await someAssertions()],
  };
};
