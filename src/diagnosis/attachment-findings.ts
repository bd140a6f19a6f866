import type { VethRow } from '../report/report.ts';
import type { Finding } from './finding.ts';

/** Documented in docs/codes.md beside the causes of `path`. */
export const ATTACHMENT_DISAGREES = {
  code: 'ND1900',
  summary: "Two sources of where a pod's interface hangs on its node do not agree, or one of them is missing.",
};

/** What is wrong with how pods hang on their nodes: one finding per interface whose kernel facts contradict each other. */
export const attachmentFindings = (rows: VethRow[]): Finding[] =>
  rows.flatMap(({ namespace, pod, node, attachment }) =>
    attachment && attachment.disagreements.length > 0
      ? [
          {
            code: ATTACHMENT_DISAGREES.code,
            severity: 'warning',
            confidence: 'possible',
            title: `${namespace}/${pod} ${attachment.interface.name} does not hang on ${node ?? 'its node'} as it should.`,
            place: { ...(node === undefined ? {} : { node }), interface: attachment.peer?.name ?? attachment.interface.name },
            evidence: attachment.disagreements.map(({ message }) => message),
            fix: [`$ kubectl netdoctor path ${namespace}/${pod} node/${node ?? 'NODE'}`],
            notes: [],
          },
        ]
      : [],
  );
