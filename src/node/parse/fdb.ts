import type { FdbEntry } from '../snapshot.ts';
import { type Json, numberAt, optional, type Parsed, readList, stringAt, stringsAt } from './json.ts';

const FLAGS = ['self', 'master', 'router', 'extern_learn', 'offload', 'sticky', 'locked', 'added_by_user', 'dynamic'];

const fromJson = (item: Json): FdbEntry | undefined => {
  const mac = stringAt(item, 'mac');
  const device = stringAt(item, 'ifname');
  if (mac === undefined || device === undefined) return undefined;
  return {
    mac,
    device,
    ...optional('destination', stringAt(item, 'dst')),
    ...optional('via', stringAt(item, 'viaIf')),
    ...optional('vni', numberAt(item, 'vni')),
    ...optional('port', numberAt(item, 'port')),
    ...optional('vlan', numberAt(item, 'vlan')),
    ...optional('master', stringAt(item, 'master')),
    flags: stringsAt(item, 'flags'),
    state: stringAt(item, 'state') ?? '',
  };
};

/** `aa:bb:cc:dd:ee:ff dev vxlan0 dst 10.0.0.2 vlan 1 master br0 self permanent` */
const fromLine = (line: string): FdbEntry | undefined => {
  const [mac = '', ...words] = line.trim().split(/\s+/);
  const value = (key: string): string | undefined => (words.includes(key) ? words[words.indexOf(key) + 1] : undefined);
  const number = (key: string): number | undefined => (value(key) === undefined ? undefined : Number(value(key)));
  const device = value('dev');
  if (device === undefined || !/^[0-9a-f:]{17}$/.test(mac)) return undefined;
  return {
    mac,
    device,
    ...optional('destination', value('dst')),
    ...optional('via', value('via')),
    ...optional('vni', number('vni')),
    ...optional('port', number('port')),
    ...optional('vlan', number('vlan')),
    ...optional('master', value('master')),
    flags: FLAGS.filter((flag) => flag !== 'master' && words.includes(flag)),
    state: words.find((word) => word === 'permanent' || word === 'static' || word === 'stale') ?? '',
  };
};

/** `bridge [-j] -d fdb show` */
export const parseFdb = (text: string): Parsed<FdbEntry[]> => readList(text, fromJson, fromLine);
