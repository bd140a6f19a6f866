import type { Neighbour } from '../snapshot.ts';
import { familyOf } from './address.ts';
import { flagAt, type Json, optional, type Parsed, readList, stringAt, stringsAt } from './json.ts';

export const neighbourFromJson = (item: Json): Neighbour | undefined => {
  const address = stringAt(item, 'dst');
  const device = stringAt(item, 'dev');
  if (address === undefined || device === undefined) return undefined;
  return {
    family: familyOf(address),
    address,
    device,
    ...optional('mac', stringAt(item, 'lladdr')),
    state: stringsAt(item, 'state').join(',') || 'NONE',
    proxy: flagAt(item, 'proxy'),
    router: flagAt(item, 'router'),
  };
};

/** `10.0.0.1 dev eth0 lladdr aa:bb:cc:dd:ee:ff router REACHABLE` */
const fromLine = (line: string): Neighbour | undefined => {
  const words = line.trim().split(/\s+/);
  const [address = '', dev, device] = words;
  if (dev !== 'dev' || device === undefined || !/^[0-9a-f.:]+$/.test(address)) return undefined;
  const mac = words.indexOf('lladdr');
  return {
    family: familyOf(address),
    address,
    device,
    ...optional('mac', mac < 0 ? undefined : words[mac + 1]),
    state: words.filter((word) => /^[A-Z]+$/.test(word)).join(',') || 'NONE',
    proxy: words.includes('proxy'),
    router: words.includes('router'),
  };
};

/** `ip [-j] neigh show`, also of proxy entries */
export const parseNeighbours = (text: string): Parsed<Neighbour[]> => readList(text, neighbourFromJson, fromLine);
