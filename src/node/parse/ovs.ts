import type { OvsPort, OvsState } from '../dataplane-state.ts';
import { isRecord, type Json, listAt, optional, type Parsed } from './json.ts';

/** A value in OVSDB's notation (RFC 7047, 5.1): `["uuid", x]`, `["set", […]]`, `["map", [[k, v], …]]` or itself. */
export const asList = (value: unknown): unknown[] => (Array.isArray(value) && value[0] === 'set' && Array.isArray(value[1]) ? value[1] : [value]);

export const asUuid = (value: unknown): string | undefined =>
  Array.isArray(value) && value[0] === 'uuid' && typeof value[1] === 'string' ? value[1] : undefined;

export const asMap = (value: unknown): Record<string, string> =>
  Array.isArray(value) && value[0] === 'map' && Array.isArray(value[1])
    ? Object.fromEntries(value[1].filter(Array.isArray).map(([key, item]) => [`${key}`, `${item}`]))
    : {};

export const asText = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
/** -1 is an ofport that could not be had. */
const asNumber = (value: unknown): number | undefined => (typeof value === 'number' && value >= 0 ? value : undefined);

/** Rows of one table as records by column. */
export const rowsOf = (table: Json): Json[] => {
  const headings = listAt(table, 'headings');
  return listAt(table, 'data')
    .filter((row): row is unknown[] => Array.isArray(row))
    .map((row) => Object.fromEntries(headings.map((heading, at) => [`${heading}`, row[at]])));
};

const readPort = (row: Json, port: Json): OvsPort => ({
  name: asText(row.name) ?? asText(port.name) ?? '',
  ...optional('ofport', asNumber(row.ofport)),
  ...optional('ifindex', asNumber(row.ifindex)),
  kind: asText(row.type) ?? 'system',
  externalIds: asMap(row.external_ids),
  options: asMap(row.options),
  ...optional('error', asText(row.error)),
});

const join = (bridges: readonly Json[], ports: readonly Json[], interfaces: readonly Json[]): OvsState => {
  const byUuid = (rows: readonly Json[]): Map<string, Json> => new Map(rows.map((row) => [asUuid(row._uuid) ?? '', row]));
  const portRows = byUuid(ports);
  const interfaceRows = byUuid(interfaces);
  const follow = (value: unknown, rows: Map<string, Json>): Json[] =>
    asList(value).flatMap((item): Json[] => {
      const row = rows.get(asUuid(item) ?? '');
      return row ? [row] : [];
    });
  return {
    bridges: bridges.map((bridge) => ({
      name: asText(bridge.name) ?? '',
      datapathType: asText(bridge.datapath_type) ?? 'system',
      ports: follow(bridge.ports, portRows).flatMap((port) => follow(port.interfaces, interfaceRows).map((row) => readPort(row, port))),
    })),
  };
};

/** `ovs-vsctl --format=json list Bridge -- list Port -- list Interface`: one table per line, told apart by their columns. */
export const parseOvs = (text: string): Parsed<OvsState> => {
  const unparsed: string[] = [];
  const tables: Json[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    try {
      const table: unknown = JSON.parse(line);
      if (isRecord(table)) tables.push(table);
      else unparsed.push(line.slice(0, 80));
    } catch {
      unparsed.push(line.slice(0, 80));
    }
  }
  const withColumn = (column: string): Json[] => tables.filter((table) => listAt(table, 'headings').includes(column)).flatMap(rowsOf);
  return { value: join(withColumn('ports'), withColumn('interfaces'), withColumn('ofport')), unparsed };
};
