import { ATTACHMENT_DISAGREES } from './attachment-findings.ts';
import { allCauses } from './causes.ts';

/** Every code a report can carry, in order; docs/codes.md and `explain` show them. */
export const codes: { code: string; summary: string }[] = [...allCauses, ATTACHMENT_DISAGREES]
  .map(({ code, summary }) => ({ code, summary }))
  .sort((a, b) => a.code.localeCompare(b.code));
