import { engineOf } from '../../policy/engine.ts';
import { judge } from '../../policy/judge.ts';
import type { Cause } from '../cause.ts';
import { legOf, mainProbe } from '../evidence.ts';
import { ENFORCES_NONE } from '../policy/codes.ts';
import { unenforcedDraft, unenforcedPolicies } from '../policy/unenforced.ts';
import { judgeLeg, policyView } from '../policy/view.ts';

/** Said only where it matters: a plugin that enforced policies would deny just this. */
export const enforcesNone: Cause = {
  ...ENFORCES_NONE,
  recognise: (evidence) => {
    const view = policyView(evidence);
    const main = mainProbe(evidence);
    if (!view || !main || view.engine.traits.enforces.size > 0) return undefined;
    const flows = judgeLeg(evidence, view, legOf(evidence, main)).map(({ flow }) => flow);
    const refs = unenforcedPolicies(
      view.engine,
      flows.flatMap(({ from, to }) => [from, to]),
    );
    const enforced = engineOf(evidence.facts);
    if (refs.length === 0 || !flows.some((flow) => judge(enforced, flow).verdict === 'deny')) return undefined;
    return unenforcedDraft(refs, view.engine.traits.name, view.enforcer.signs, 'warning');
  },
};
