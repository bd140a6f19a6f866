import type { ApiObject } from '../../cluster/facts.ts';
import { parseAddress } from '../../forwarding/address.ts';
import { type Field, itemsOf, membersOf, type Problem, required, rootField, textOf, wrong } from '../field.ts';
import { checkTier } from './calico/tier.ts';
import { isNetwork } from './peers.ts';

/** What is wrong with objects that policies refer to: they are read without a word, so that this has to be asked of manifests. */

const OBJECT = ['apiVersion', 'kind', 'metadata', 'spec', 'status'] as const;

const isAddress = (text: string): boolean => !text.includes('%') && parseAddress(text) !== undefined;

const checkNets = (field: Field | undefined): void => {
  for (const item of itemsOf(field) ?? []) {
    const text = textOf(item);
    if (text !== undefined && !isNetwork(text) && !isAddress(text)) wrong(item, `"${text}" is no network and no address`);
  }
};

const checkSet = (object: Field): void => checkNets(membersOf(membersOf(object, OBJECT).spec, ['nets', 'allowedEgressDomains']).nets);

const checkCidrGroup = (object: Field): void => checkNets(membersOf(membersOf(object, OBJECT).spec, ['externalCIDRs']).externalCIDRs);

const checkHostEndpoint = (object: Field): void => {
  const spec = required(object, membersOf(object, OBJECT).spec, 'spec');
  const { node, interfaceName, expectedIPs } = membersOf(spec, ['node', 'interfaceName', 'expectedIPs', 'profiles', 'ports']);
  if (spec) required(spec, node, 'node');
  if (spec && !interfaceName && (itemsOf(expectedIPs) ?? []).length === 0) wrong(spec, 'interfaceName or expectedIPs is expected');
  for (const item of itemsOf(expectedIPs) ?? []) {
    const text = textOf(item);
    if (text !== undefined && !isAddress(text)) wrong(item, `"${text}" is no address`);
  }
};

const CHECKS: Record<string, (object: Field, name: string) => void> = {
  Tier: checkTier,
  NetworkSet: checkSet,
  GlobalNetworkSet: checkSet,
  HostEndpoint: checkHostEndpoint,
  CiliumCIDRGroup: checkCidrGroup,
};

/** @param object of one of the referred kinds */
export const referredProblems = (object: ApiObject): Problem[] => {
  const problems: Problem[] = [];
  CHECKS[object.kind]?.(rootField(object, problems), object.metadata.name);
  return problems;
};
