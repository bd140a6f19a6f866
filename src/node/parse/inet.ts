import type { Family, Neighbour, Route, Rule } from '../snapshot.ts';
import { type Json, linesOf, type Parsed, readEach, readRecords } from './json.ts';
import { neighbourFromJson } from './neighbours.ts';
import { routeFromJson } from './routes.ts';
import { ruleFromJson } from './rules.ts';

export interface Inet {
  routes: Route[];
  rules: Rule[];
  neighbours: Neighbour[];
}

/** What `ip -d -j` says of a route has a type, of a rule a priority; nothing else has. */
const kindOf = (item: Json): keyof Inet => {
  if ('priority' in item) return 'rules';
  return 'type' in item ? 'routes' : 'neighbours';
};

/** `route show table all`, `neigh show`, `neigh show proxy` and `rule show` from one `ip -d -j -batch`: an array on a line of its own each. */
export const parseInet = (text: string, family: Family): Parsed<Inet> => {
  const answers = linesOf(text).map(readRecords);
  const records = answers.flatMap(({ value }) => value);
  const of = (kind: keyof Inet): Json[] => records.filter((item) => kindOf(item) === kind);
  const routes = readEach(of('routes'), (item) => routeFromJson(item, family));
  const rules = readEach(of('rules'), (item) => ruleFromJson(item, family));
  const neighbours = readEach(of('neighbours'), neighbourFromJson);
  return {
    value: { routes: routes.value, rules: rules.value, neighbours: neighbours.value },
    unparsed: [...answers, routes, rules, neighbours].flatMap(({ unparsed }) => unparsed),
  };
};
