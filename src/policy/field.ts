/** Where in an object something stands: `['spec', 'ingress', 0, 'from']`. */
export type Path = readonly (string | number)[];

/** What is wrong with one field of an object. */
export interface Problem {
  path: Path;
  reason: string;
  /** Wrong in a manifest; in what a cluster serves, only newer than this program: a field that it does not know, or its absence. */
  tolerable?: true;
}

/** One value of an object that is being read, with the way to it. What is wrong with it is noted, and reading goes on. */
export interface Field {
  readonly value: unknown;
  readonly path: Path;
  readonly problems: Problem[];
}

export const rootField = (value: unknown, problems: Problem[]): Field => ({ value, path: [], problems });

/** `spec.ingress[0].from`, as kubectl writes it; the object itself is `(the object)`. */
export const pathText = (path: Path): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : /^[A-Za-z]\w*$/.test(part) ? `${text}${text && '.'}${part}` : `${text}[${part}]`,
    '',
  ) || '(the object)';

/** Notes what is wrong; the value counts as not given. */
export const wrong = ({ path, problems }: Field, reason: string): undefined => {
  problems.push({ path, reason });
  return undefined;
};

/** The same, for what a newer API may mean. */
export const odd = ({ path, problems }: Field, reason: string): undefined => {
  problems.push({ path, reason, tolerable: true });
  return undefined;
};

/** Null is what JSON says for a field that is not set. */
const isSet = (value: unknown): boolean => value !== undefined && value !== null;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const child = ({ path, problems }: Field, key: string | number, value: unknown): Field => ({ value, path: [...path, key], problems });

export type Members<Name extends string> = { readonly [Key in Name]?: Field };

/** The members of an object that are set, by the names it may have. */
export const membersOf = <const Name extends string>(field: Field | undefined, names: readonly Name[]): Members<Name> => {
  if (!field) return {};
  const { value } = field;
  if (!isObject(value)) {
    wrong(field, 'an object is expected');
    return {};
  }
  const members: Partial<Record<string, Field>> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (!isSet(inner)) continue;
    if ((names as readonly string[]).includes(key)) members[key] = child(field, key, inner);
    else field.problems.push({ path: [...field.path, key], reason: 'unknown field', tolerable: true });
  }
  return members as Members<Name>;
};

/** Every member, whatever its name: labels and the like. */
export const entriesOf = (field: Field | undefined): [string, Field][] => {
  if (!field) return [];
  if (!isObject(field.value)) {
    wrong(field, 'an object is expected');
    return [];
  }
  return Object.entries(field.value).map(([key, value]) => [key, child(field, key, value)]);
};

/** Undefined when it is not set, which for some lists means something else than an empty one. */
export const itemsOf = (field: Field | undefined): Field[] | undefined => {
  if (!field) return undefined;
  if (!Array.isArray(field.value)) return wrong(field, 'a list is expected');
  return field.value.map((value: unknown, index) => child(field, index, value));
};

export const textOf = (field: Field | undefined): string | undefined => {
  if (!field) return undefined;
  return typeof field.value === 'string' ? field.value : wrong(field, `a text is expected, not ${JSON.stringify(field.value)}`);
};

export const oneOf = <const Word extends string>(field: Field | undefined, words: readonly Word[]): Word | undefined => {
  if (!field) return undefined;
  const word = words.find((candidate) => candidate === field.value);
  return word ?? wrong(field, `${words.join(', ')} is expected, not ${JSON.stringify(field.value)}`);
};

export const truthOf = (field: Field | undefined): boolean | undefined => {
  if (!field) return undefined;
  return typeof field.value === 'boolean' ? field.value : wrong(field, `true or false is expected, not ${JSON.stringify(field.value)}`);
};

export const wholeNumber = (field: Field | undefined, from: number, to: number): number | undefined => {
  if (!field) return undefined;
  const { value } = field;
  if (typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to) return value;
  return wrong(field, `a whole number from ${from} to ${to} is expected, not ${JSON.stringify(value)}`);
};

export const decimalNumber = (field: Field | undefined): number | undefined => {
  if (!field) return undefined;
  return typeof field.value === 'number' ? field.value : wrong(field, `a number is expected, not ${JSON.stringify(field.value)}`);
};

/** Notes it when a field that has to be there is missing. */
export const required = (owner: Field, member: Field | undefined, name: string): Field | undefined => {
  if (!member) owner.problems.push({ path: [...owner.path, name], reason: 'it is required' });
  return member;
};
