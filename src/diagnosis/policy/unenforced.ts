import { type Engine, selecting } from '../../policy/engine.ts';
import { type PolicyRef, refText } from '../../policy/model.ts';
import type { Party } from '../../policy/party.ts';
import { listText } from '../../policy/words.ts';
import type { Draft } from '../cause.ts';

/** Policies that would have a say if the plugin enforced any; it enforces no kind at all. */
export const unenforcedPolicies = ({ traits, idle }: Engine, parties: readonly Party[] | 'all'): PolicyRef[] => {
  if (traits.enforces.size > 0) return [];
  const concerned =
    parties === 'all'
      ? idle
      : (['ingress', 'egress'] as const).flatMap((direction) => parties.flatMap((party) => selecting({ policies: idle }, direction, party)));
  return [...new Set(concerned.map(({ ref }) => ref))];
};

/** Policies that somebody relies on, and nobody carries out. */
export const unenforcedDraft = (refs: readonly PolicyRef[], plugin: string, signs: readonly string[], severity: Draft['severity']): Draft => ({
  severity,
  confidence: 'likely',
  title: `${plugin} enforces no network policies: ${listText(refs.map(refText))} ${refs.length === 1 ? 'has' : 'have'} no effect.`,
  evidence: [
    `the network plugin is ${plugin}${signs.length > 0 ? ` (${signs.join(', ')})` : ''}`,
    'nothing that enforces policies was found beside it',
  ],
  fix: [
    'Add what enforces them beside it: kube-network-policies, kube-router --run-router=false, or Calico for policies only (canal); or use a plugin that does.',
  ],
  notes: ['All traffic that these policies would deny passes.'],
});
