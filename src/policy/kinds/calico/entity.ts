import { contains, parsePrefix, sameAddress } from '../../../forwarding/address.ts';
import type { Context } from '../../context.ts';
import { type Field, itemsOf, membersOf, textOf, wrong } from '../../field.ts';
import type { Peer, PeerMiss } from '../../model.ts';
import type { Party } from '../../party.ts';
import { inNamespaces, parseCalicoSelector } from '../../selector/calico-selector.ts';
import type { Selector } from '../../selector/selector.ts';
import { prefixOf } from '../peers.ts';
import { CALICO_NAMESPACE, endpointsOf, noteCalicoKeys, type Selectable } from './endpoints.ts';

/** One condition of an EntityRule. */
interface Condition {
  text: string;
  holds: (party: Party) => boolean;
  miss: (party: Party) => PeerMiss;
  /** Namespaces of the pods it can hold for. */
  namespace?: string;
}

const readCalicoSelector = (field: Field | undefined, calls?: Parameters<typeof parseCalicoSelector>[1]): Selector | undefined => {
  const text = textOf(field);
  if (!field || text === undefined || text.trim() === '') return undefined;
  try {
    return parseCalicoSelector(text, calls);
  } catch (error) {
    return wrong(field, `selector ${JSON.stringify(text)}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

/** Which endpoints and sets are selected: by namespace, by their own labels, by service account. */
export interface Choice {
  own?: string;
  namespaces?: Selector;
  labels?: Selector;
  accounts?: Selector;
  accountNames?: readonly string[];
  /** Its notSelector, of which Calico makes one selector with the rest (felix, combineMatchesIfPossible). */
  except?: Selector;
}

/** Why somebody is not among the chosen; empty when it is. */
export const chosen = ({ own, namespaces, labels, accounts, accountNames, except }: Choice, one: Selectable): string => {
  if (namespaces && !namespaces.matches(one.namespace)) return `namespace: ${namespaces.miss(one.namespace)}`;
  if (own !== undefined && one.labels[CALICO_NAMESPACE] !== own) return `namespace ${one.labels[CALICO_NAMESPACE] ?? 'none'}, wanted ${own}`;
  if (accounts && !accounts.matches(one.account)) return `service account: ${accounts.miss(one.account)}`;
  const account = one.account['projectcalico.org/name'];
  if (accountNames && !(account !== undefined && accountNames.includes(account)))
    return `service account ${account ?? 'none'}, wanted ${accountNames.join(' or ')}`;
  const miss = labels?.miss(one.labels) ?? '';
  return miss === '' && except?.matches(one.labels) ? `notSelector ${except.text} takes it out` : miss;
};

export const choiceText = ({ own, namespaces, labels, accounts, accountNames, except }: Choice): string =>
  [
    `endpoints${labels ? ` ${labels.text}` : ''}`,
    ...(namespaces ? [`in namespaces ${namespaces.text}`] : own === undefined ? [] : [`in namespace ${own}`]),
    ...(accounts ? [`of service accounts ${accounts.text}`] : []),
    ...(accountNames ? [`of service account ${accountNames.join(' or ')}`] : []),
    ...(except ? [`but not ${except.text || 'of any label'}`] : []),
  ].join(' ');

/** A packet is from an endpoint or set that is chosen. Calico makes address sets of them, so that an address in a set counts as well. */
const isChosen = (context: Context, choice: Choice): Condition => ({
  text: choiceText(choice),
  ...(choice.own === undefined ? {} : { namespace: choice.own }),
  holds: (party) =>
    endpointsOf(context)
      .standingFor(party)
      .some((one) => chosen(choice, one) === ''),
  miss: (party) => {
    const [first] = endpointsOf(context).standingFor(party);
    if (!first) return { text: `${party.label} is no endpoint of Calico's and in no network set`, near: 0 };
    const text = chosen(choice, first);
    return { text, near: text.startsWith('namespace') ? 0 : 1 };
  },
});

const isNotChosen = (context: Context, selector: Selector): Condition => ({
  text: `not endpoints ${selector.text || 'of any label'}`,
  holds: (party) =>
    !endpointsOf(context)
      .standingFor(party)
      .some(({ labels }) => selector.matches(labels)),
  miss: (party) => ({ text: `${party.label} is one that notSelector ${selector.text} takes out`, near: 1 }),
});

const readNets = (context: Context, field: Field | undefined): string[] | undefined =>
  itemsOf(field)?.flatMap((item) => {
    const text = textOf(item);
    if (text === undefined) return [];
    if (!prefixOf(context, text)) wrong(item, `"${text}" is no network`);
    return [text];
  });

const inNets = (party: Party, nets: readonly string[]): boolean => {
  const { address } = party;
  return nets.some((net) => {
    const prefix = parsePrefix(net);
    return prefix !== undefined && (address ? contains(prefix, address) : prefix.length === 0);
  });
};

const netsConditions = (nets: string[] | undefined, notNets: string[] | undefined): Condition[] => [
  ...(nets && nets.length > 0
    ? [
        {
          text: nets.join(', '),
          holds: (party: Party) => inNets(party, nets),
          miss: (party: Party): PeerMiss => ({ text: `${party.addressText ?? party.label} is not in ${nets.join(', ')}`, near: 0 }),
        },
      ]
    : []),
  ...(notNets && notNets.length > 0
    ? [
        {
          text: `not ${notNets.join(', ')}`,
          holds: (party: Party) => !inNets(party, notNets),
          miss: (party: Party): PeerMiss => ({ text: `${party.addressText ?? party.label} is in ${notNets.join(', ')}`, near: 0 }),
        },
      ]
    : []),
];

/** Backends of a Service, by address; their ports are the rule's traffic. */
const isBackend = ({ world, reads }: Context, namespace: string, name: string): Condition => {
  reads.services = true;
  const backends = world.endpoints.filter(({ service }) => service.namespace === namespace && service.name === name);
  return {
    text: `backends of Service ${namespace}/${name}`,
    holds: ({ addressText }) => addressText !== undefined && backends.some(({ ip }) => sameAddress(ip, addressText)),
    miss: (party) => ({ text: `${party.label} is no backend of Service ${namespace}/${name}`, near: 0 }),
  };
};

export interface EntityRule {
  /** Absent: it says nothing of who. */
  peer?: Peer;
  /** Whose ports are meant, when they are a Service's. */
  service?: { namespace: string; name: string };
  /** Whether it is somebody by itself, not because a network set covers its address: sets have no ports that a name could mean. */
  isItself: (party: Party) => boolean;
  ports: Field | undefined;
  notPorts: Field | undefined;
}

const FIELDS = ['nets', 'selector', 'namespaceSelector', 'services', 'ports', 'notNets', 'notSelector', 'notPorts', 'serviceAccounts'] as const;

/**
 * projectcalico.org/v3 EntityRule. In a namespaced policy a selector of any kind means endpoints of the policy's own namespace, unless it has
 * a namespaceSelector (libcalico-go, getEndpointSelector).
 * @param own namespace of the policy; absent for a global one
 */
export const readEntity = (context: Context, field: Field | undefined, own: string | undefined): EntityRule => {
  const members = membersOf(field, FIELDS);
  const labels = readCalicoSelector(members.selector);
  const namespaces = readCalicoSelector(members.namespaceSelector, inNamespaces);
  const notSelector = readCalicoSelector(members.notSelector);
  const account = membersOf(members.serviceAccounts, ['names', 'selector']);
  const accounts = readCalicoSelector(account.selector);
  const names = itemsOf(account.names)?.flatMap((item) => textOf(item) ?? []);
  noteCalicoKeys(context, [...(labels?.keys ?? []), ...(notSelector?.keys ?? [])]);
  if (members.serviceAccounts) context.reads.serviceAccounts = true;
  const positive: Choice = {
    ...(namespaces ? { namespaces } : {}),
    ...(labels ? { labels } : {}),
    ...(accounts ? { accounts } : {}),
    ...(names && names.length > 0 ? { accountNames: names } : {}),
    ...(own !== undefined && !namespaces && (labels || notSelector || members.serviceAccounts) ? { own } : {}),
  };
  const choosy = Object.keys(positive).length > 0;
  const choice: Choice = choosy && notSelector ? { ...positive, except: notSelector } : positive;
  const service = membersOf(members.services, ['name', 'namespace']);
  const serviceName = textOf(service.name);
  const at = serviceName === undefined ? undefined : { namespace: textOf(service.namespace) ?? own ?? 'default', name: serviceName };
  if (members.services && at === undefined) wrong(members.services, 'it needs the name of a Service');
  const conditions = [
    ...(choosy ? [isChosen(context, choice)] : []),
    ...(notSelector && !choosy ? [isNotChosen(context, notSelector)] : []),
    ...netsConditions(readNets(context, members.nets), readNets(context, members.notNets)),
    ...(at ? [isBackend(context, at.namespace, at.name)] : []),
  ];
  return {
    ...(conditions.length > 0 ? { peer: together(context, conditions) } : {}),
    ...(at ? { service: at } : {}),
    isItself: (party) => {
      const one = endpointsOf(context).of(party);
      return !choosy || (one !== undefined && chosen(choice, one) === '');
    },
    ports: members.ports,
    notPorts: members.notPorts,
  };
};

const together = (context: Context, conditions: Condition[]): Peer => {
  const text = conditions.map((one) => one.text).join(', ');
  // a network set of the namespace may cover addresses of pods elsewhere
  const only = endpointsOf(context).sets.length > 0 ? undefined : conditions.flatMap(({ namespace }) => namespace ?? [])[0];
  return {
    index: 0,
    text,
    key: `entity ${text}`,
    ...(only === undefined ? {} : { spaces: ({ name }) => name === only }),
    matches: (party) => conditions.every(({ holds }) => holds(party)),
    miss: (party) => conditions.find(({ holds }) => !holds(party))?.miss(party) ?? { text: '', near: 1 },
  };
};

/** Whom a policy is about: every endpoint that these select, pods and host endpoints alike. */
export const readCalicoSubject = (
  context: Context,
  fields: { selector?: Field; namespaceSelector?: Field; serviceAccountSelector?: Field },
  own: string | undefined,
): Choice => {
  const labels = readCalicoSelector(fields.selector);
  const namespaces = readCalicoSelector(fields.namespaceSelector, inNamespaces);
  const accounts = readCalicoSelector(fields.serviceAccountSelector, inNamespaces);
  noteCalicoKeys(context, labels?.keys ?? []);
  if (accounts) context.reads.serviceAccounts = true;
  return {
    ...(own === undefined ? {} : { own }),
    ...(labels ? { labels } : {}),
    ...(namespaces ? { namespaces } : {}),
    ...(accounts ? { accounts } : {}),
  };
};
