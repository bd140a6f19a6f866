import type { ApiObject } from '../../../cluster/facts.ts';
import type { Context } from '../../context.ts';
import { itemsOf, membersOf, rootField } from '../../field.ts';
import type { Direction, Subject } from '../../model.ts';
import type { Party } from '../../party.ts';
import type { Selector } from '../../selector/selector.ts';
import { identityOf } from './identity.ts';
import { endpointRequirements, identitySelector } from './selector.ts';
import { subjectOf } from './subject.ts';

/**
 * What fromRequires and toRequires say. They allow nothing; whoever a rule of any policy of the same subject means by labels has to meet them
 * as well (pkg/policy/rules.go).
 */
interface Demand {
  direction: Direction;
  /** Of the list it stands in: rules that deny have demands of their own. */
  list: string;
  subject: Subject;
  selector: Selector;
}

const SIDES = { ingress: 'fromRequires', egress: 'toRequires' } as const;

const demandsIn = (context: Context, object: ApiObject): Demand[] => {
  const { spec, specs } = membersOf(rootField(object, []), ['spec', 'specs']);
  return [...(spec ? [spec] : []), ...(itemsOf(specs) ?? [])].flatMap((one) => {
    const members = membersOf(one, ['endpointSelector', 'nodeSelector', 'ingress', 'ingressDeny', 'egress', 'egressDeny']);
    const own = object.kind === 'CiliumNetworkPolicy' ? (object.metadata.namespace ?? 'default') : undefined;
    return (['ingress', 'egress'] as const).flatMap((direction) =>
      ([direction, `${direction}Deny`] as const).flatMap((list) =>
        (itemsOf(members[list]) ?? []).flatMap((rule) =>
          (itemsOf(membersOf(rule, [SIDES[direction]])[SIDES[direction]]) ?? []).map((field): Demand => {
            const selector = identitySelector(endpointRequirements(context, field, own, true));
            return { direction, list, subject: subjectOf(context, one, members, own), selector };
          }),
        ),
      ),
    );
  });
};

const known = new WeakMap<Context, Demand[]>();

/** @param isTaken whether the agents take a policy; it is read for that, so that in the meantime nothing is demanded */
const demandsOf = (context: Context, isTaken: (object: ApiObject) => boolean): Demand[] => {
  const seen = known.get(context);
  if (seen) return seen;
  known.set(context, []);
  const found = context.world.objects
    .filter(({ kind }) => /^Cilium(Clusterwide)?NetworkPolicy$/.test(kind))
    .flatMap((object) => {
      const demands = demandsIn(context, object);
      return demands.length > 0 && isTaken(object) ? demands : [];
    });
  known.set(context, found);
  return found;
};

/** What a far side misses of all that the policies of a subject demand; empty where it meets it. */
export type Unmet = (far: Party, subject: Party) => string;

/** Undefined where no policy demands anything. */
export const demandOn = (context: Context, direction: Direction, list: string, isTaken: (object: ApiObject) => boolean): Unmet | undefined => {
  const demands = demandsOf(context, isTaken).filter((one) => one.direction === direction && one.list === list);
  if (demands.length === 0) return undefined;
  return (far, subject) => {
    const unmet = demands.find((demand) => demand.subject.matches(subject) && !demand.selector.matches(identityOf(context, far, subject)));
    return unmet ? `${SIDES[direction]}: ${unmet.selector.miss(identityOf(context, far, subject))}` : '';
  };
};
