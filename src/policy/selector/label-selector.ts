import { entriesOf, type Field, itemsOf, membersOf, oneOf, required, textOf, wrong } from '../field.ts';
import { EVERYTHING, type Labels, labelOf, type Selector } from './selector.ts';

/** One requirement of a metav1.LabelSelector; matchLabels are `In` with one value. */
export interface Requirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values: readonly string[];
}

/** How a value is looked up; Cilium's labels have sources before their keys. */
export type LookUp = (labels: Labels, key: string) => string | undefined;

const meets = (value: string | undefined, { operator, values }: Requirement): boolean => {
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  return operator === 'Exists' ? value !== undefined : value === undefined;
};

const wanted = ({ operator, values }: Requirement): string => {
  const list = values.join(' or ');
  if (operator === 'In') return `wanted ${list}`;
  return operator === 'NotIn' ? `wanted anything but ${list}` : operator === 'Exists' ? 'wanted any value' : 'wanted none';
};

const missOf = (value: string | undefined, requirement: Requirement): string =>
  `${value === undefined ? `no label ${requirement.key}` : `label ${requirement.key}=${value}`}, ${wanted(requirement)}`;

const requirementText = ({ key, operator, values }: Requirement): string => {
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  const [only = ''] = values;
  if (values.length === 1) return `${key}${operator === 'In' ? '=' : '!='}${only}`;
  return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(', ')})`;
};

/** NotIn and DoesNotExist hold where the key is absent (metav1.LabelSelector). */
export const selectorOf = (requirements: readonly Requirement[], lookUp: LookUp = labelOf): Selector => {
  if (requirements.length === 0) return EVERYTHING;
  return {
    text: requirements.map(requirementText).join(', '),
    keys: [...new Set(requirements.map(({ key }) => key))],
    matches: (labels) => requirements.every((requirement) => meets(lookUp(labels, requirement.key), requirement)),
    miss: (labels) => {
      const failing = requirements.find((requirement) => !meets(lookUp(labels, requirement.key), requirement));
      return failing ? missOf(lookUp(labels, failing.key), failing) : '';
    },
  };
};

/** What a key may be (validation.IsQualifiedName): an optional DNS name and a slash, then a name of at most 63 characters. */
const KEY = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

const valuesOf = (field: Field, values: Field | undefined, operator: Requirement['operator'] | undefined): string[] => {
  const list = itemsOf(values) ?? [];
  if ((operator === 'In' || operator === 'NotIn') && list.length === 0) wrong(values ?? field, `${operator} needs at least one value`);
  if ((operator === 'Exists' || operator === 'DoesNotExist') && list.length > 0 && values) wrong(values, `${operator} takes no values`);
  return list.flatMap((item) => labelValueOf(item) ?? []);
};

const labelValueOf = (field: Field): string | undefined => {
  const text = textOf(field);
  if (text !== undefined && !VALUE.test(text)) wrong(field, `"${text}" is no label value`);
  return text;
};

const isKey = (key: string): boolean => KEY.test(key) && key.length <= 317;

/** metav1.LabelSelector → its requirements. @param checkKey what a key may look like, where it is not Kubernetes' own */
export const readRequirements = (field: Field | undefined, checkKey: (key: string) => boolean = isKey): Requirement[] => {
  const { matchLabels, matchExpressions } = membersOf(field, ['matchLabels', 'matchExpressions']);
  const labels = entriesOf(matchLabels).flatMap(([key, value]): Requirement[] => {
    if (!checkKey(key)) wrong(value, `"${key}" is no label key`);
    const text = labelValueOf(value);
    return text === undefined ? [] : [{ key, operator: 'In', values: [text] }];
  });
  const expressions = (itemsOf(matchExpressions) ?? []).flatMap((item): Requirement[] => {
    const members = membersOf(item, ['key', 'operator', 'values']);
    const key = textOf(required(item, members.key, 'key'));
    const operator = oneOf(required(item, members.operator, 'operator'), ['In', 'NotIn', 'Exists', 'DoesNotExist']);
    const values = valuesOf(item, members.values, operator);
    if (key !== undefined && members.key && !checkKey(key)) wrong(members.key, `"${key}" is no label key`);
    return key === undefined || operator === undefined ? [] : [{ key, operator, values }];
  });
  return [...labels, ...expressions];
};

export const readLabelSelector = (field: Field | undefined): Selector => selectorOf(readRequirements(field));
