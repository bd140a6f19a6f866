import type { OvnAcl, OvnState, OvsFlow } from '../dataplane-state.ts';
import { isRecord, type Json, linesOf, listAt, numberAt, optional, type Parsed, readEach } from './json.ts';
import { asList, asMap, asText, asUuid, rowsOf } from './ovs.ts';

const readAcl = (row: Json): OvnAcl => ({
  uuid: asUuid(row._uuid) ?? '',
  ...optional('name', asText(row.name)),
  direction: asText(row.direction) ?? '',
  priority: numberAt(row, 'priority') ?? 0,
  action: asText(row.action) ?? '',
  match: asText(row.match) ?? '',
  externalIds: asMap(row.external_ids),
});

const readGroup = (row: Json): OvnState['portGroups'][number] => ({
  name: asText(row.name) ?? '',
  acls: asList(row.acls).flatMap((item) => asUuid(item) ?? []),
  externalIds: asMap(row.external_ids),
});

/** `ovn-nbctl --format=json list ACL -- list Port_Group`: one table per line. */
export const parseOvnAcls = (text: string): Parsed<Pick<OvnState, 'acls' | 'portGroups'>> => {
  const { value: tables, unparsed } = readEach(linesOf(text), (line): Json | undefined => {
    try {
      const table: unknown = JSON.parse(line);
      return isRecord(table) ? table : undefined;
    } catch {
      return undefined;
    }
  });
  const withColumn = (column: string): Json[] => tables.filter((table) => listAt(table, 'headings').includes(column)).flatMap(rowsOf);
  return { value: { acls: withColumn('match').map(readAcl), portGroups: withColumn('acls').map(readGroup) }, unparsed };
};

const FLOW = /^\s*cookie=(0x[0-9a-f]+),.* table=(\d+), n_packets=(\d+), n_bytes=(\d+),.*? priority=(\d+)(\S*) actions=(.*)$/;

const readFlow = (line: string): OvsFlow | undefined => {
  const [, cookie, table, packets, bytes, priority, match = '', actions] = FLOW.exec(line) ?? [];
  if (cookie === undefined || actions === undefined) return undefined;
  return {
    cookie,
    table: Number(table),
    priority: Number(priority),
    match: match.split(',').filter((word) => word !== ''),
    actions,
    packets: Number(packets),
    bytes: Number(bytes),
  };
};

/** In table 0 a pod's port gets the numbers by which all later tables know it (ovn-architecture(7), "physical to logical"). */
const portOf = ({ table, match, actions }: OvsFlow): OvnState['ports'] => {
  const ofport = match.map((word) => /^in_port=(\d+)$/.exec(word)?.[1]).find((one) => one !== undefined);
  const [, datapath] = /(?:set_field:(0x[0-9a-f]+)->metadata|load:(0x[0-9a-f]+)->OXM_OF_METADATA\[\])/.exec(actions)?.filter(Boolean) ?? [];
  const [, key] = /(?:set_field:(0x[0-9a-f]+)->reg14|load:(0x[0-9a-f]+)->NXM_NX_REG14\[\])/.exec(actions)?.filter(Boolean) ?? [];
  return table !== 0 || ofport === undefined || datapath === undefined || key === undefined ? [] : [{ ofport: Number(ofport), datapath, key }];
};

/** `ovs-ofctl dump-flows br-int`, as far as it drops or says whose a port is. */
export const parseOvnFlows = (text: string): Parsed<Pick<OvnState, 'drops' | 'ports'>> => {
  const lines = linesOf(text).filter((line) => line.includes('cookie='));
  const { value: flows, unparsed } = readEach(lines, readFlow);
  const drops = flows.filter(({ actions }) => actions === 'drop' || actions.startsWith('controller('));
  return { value: { drops, ports: flows.flatMap(portOf) }, unparsed };
};
