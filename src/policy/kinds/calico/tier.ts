import { decimalNumber, type Field, membersOf, oneOf, wrong } from '../../field.ts';

export interface CalicoTier {
  name: string;
  order: number;
  end: 'deny' | 'pass';
}

/** Tiers that are there without being made; Calico 3.29 to 3.31 had other names for those of the administrators' policies (api/v3/tier.go). */
export const GIVEN_TIERS: readonly CalicoTier[] = [
  { name: 'kube-admin', order: 1000, end: 'pass' },
  { name: 'default', order: 1_000_000, end: 'deny' },
  { name: 'kube-baseline', order: 10_000_000, end: 'pass' },
];

/** projectcalico.org/v3 Tier: those that are given cannot be made otherwise. */
export const checkTier = (object: Field, name: string): void => {
  const { spec } = membersOf(object, ['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  const members = membersOf(spec, ['order', 'defaultAction']);
  const [order, action] = [decimalNumber(members.order), oneOf(members.defaultAction, ['Deny', 'Pass'])];
  const given = GIVEN_TIERS.find((tier) => tier.name === name);
  if (!given) return;
  const [wanted, end] = [given.order, given.end === 'pass' ? 'Pass' : 'Deny'];
  if (order !== wanted) wrong(members.order ?? spec ?? object, `the order of tier ${name} is ${wanted}`);
  if (action !== end) wrong(members.defaultAction ?? spec ?? object, `the defaultAction of tier ${name} is ${end}`);
};
