import { PASSES_DENIED, POLICY_DENIES } from '../../diagnosis/policy/codes.ts';
import { probeVerdict } from '../../diagnosis/policy/probe-verdict.ts';
import { answered } from '../../probe/probe.ts';
import type { PolicyReport, Proof } from '../../report/policy/reports.ts';
import type { PathReport } from '../../report/report.ts';

const agreement = (policies: PolicyReport['verdict'], probes: ReturnType<typeof probeVerdict>['got']): Pick<Proof, 'agrees'> => {
  if (policies === 'mixed' || probes === 'unknown') return {};
  return { agrees: (policies === 'allowed') === (probes === 'allow') };
};

/** Pure: the policies' verdict with what a run of `path` between two of the ends saw; its findings know the node's side, too. */
export const withProof = (report: PolicyReport, path: Omit<PathReport, 'timings'>): PolicyReport => {
  const main = path.checks.find(({ request }) => request.purpose === 'main');
  const known = new Set(path.findings.map(({ code }) => code));
  // what passes is not denied, whatever policies say
  if (known.has(PASSES_DENIED.code)) known.add(POLICY_DENIES.code);
  const proof = main && {
    from: path.from.label,
    to: path.to.label,
    answered: answered(main),
    sent: main.attempts.length,
    ...agreement(report.verdict, probeVerdict(main).got),
  };
  return {
    ...report,
    ...(proof ? { proof } : {}),
    findings: [...path.findings, ...report.findings.filter(({ code }) => !known.has(code))],
    notChecked: [...new Set([...report.notChecked, ...path.notChecked])],
  };
};
