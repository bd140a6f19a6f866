import type { Context } from '../../context.ts';
import { type Field, type Members, wrong } from '../../field.ts';
import type { Subject } from '../../model.ts';
import type { Requirement } from '../../selector/label-selector.ts';
import { notAPod } from '../peers.ts';
import { identityOf, POD_NAMESPACE } from './identity.ts';
import { identitySelector, readIdentityRequirements } from './selector.ts';

/** "EndpointSelector always applies in namespace of the policy resource": another one that it names is passed over (ParseToCiliumRule). */
const foreign = ({ key, operator }: Requirement): boolean => key === `k8s:${POD_NAMESPACE}` && operator === 'In';

const nodesOf = (context: Context, field: Field): Subject => {
  const selector = identitySelector(readIdentityRequirements(context, field));
  const labels = (node: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(node).map(([key, value]) => [`k8s:${key}`, value]));
  return {
    text: `nodes ${selector.text}`,
    matches: ({ kind, node }) => kind === 'node' && node !== undefined && selector.matches(labels(node.labels)),
    miss: (party) => (party.kind === 'node' ? selector.miss(labels(party.node?.labels ?? {})) : `${party.label} is no node`),
  };
};

/** Whom a rule is about: endpoints of the policy's namespace, or nodes. @param own absent for a clusterwide policy */
export const subjectOf = (context: Context, spec: Field, members: Members<'endpointSelector' | 'nodeSelector'>, own: string | undefined): Subject => {
  if ((members.endpointSelector === undefined) === (members.nodeSelector === undefined)) wrong(spec, 'endpointSelector or nodeSelector is expected');
  if (members.nodeSelector) {
    if (own !== undefined) wrong(members.nodeSelector, 'only a clusterwide policy may have it');
    return nodesOf(context, members.nodeSelector);
  }
  const requirements = readIdentityRequirements(context, members.endpointSelector);
  const selector = identitySelector(own === undefined ? requirements : requirements.filter((one) => !foreign(one)));
  const limited = own === undefined ? '' : ` in namespace ${own}`;
  return {
    text: `${selector.text === '' ? 'all endpoints' : `endpoints ${selector.text}`}${limited}`,
    ...(own === undefined ? {} : { namespace: own }),
    matches: (party) =>
      party.kind === 'pod' && (own === undefined || party.namespace?.name === own) && selector.matches(identityOf(context, party, party)),
    miss: (party) => {
      if (party.kind !== 'pod') return notAPod(party);
      if (own !== undefined && party.namespace?.name !== own) return `namespace ${party.namespace?.name}, the policy is in ${own}`;
      return selector.miss(identityOf(context, party, party)).replace(`k8s:${POD_NAMESPACE}`, 'namespace');
    },
  };
};
