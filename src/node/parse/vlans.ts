import type { BridgeVlan } from '../snapshot.ts';
import { isRecord, type Json, linesOf, listAt, looksLikeJson, numberAt, type Parsed, readRecords, stringAt, stringsAt } from './json.ts';

/** A range is as many VLANs; 802.1Q ends at 4094. */
const range = (device: string, first: number, last: number, flags: readonly string[]): BridgeVlan[] =>
  Array.from({ length: Math.max(0, Math.min(last, 4094) - first + 1) }, (_, step) => ({
    device,
    vlan: first + step,
    pvid: flags.includes('PVID'),
    untagged: flags.includes('Egress Untagged'),
  }));

const fromJson = (item: Json): BridgeVlan[] => {
  const device = stringAt(item, 'ifname') ?? '';
  return listAt(item, 'vlans')
    .filter(isRecord)
    .flatMap((vlan) => {
      const first = numberAt(vlan, 'vlan');
      return first === undefined ? [] : range(device, first, numberAt(vlan, 'vlanEnd') ?? first, stringsAt(vlan, 'flags'));
    });
};

/** A port's name stands before its first VLAN; more of them follow, indented. */
const fromText = (text: string): Parsed<BridgeVlan[]> => {
  const value: BridgeVlan[] = [];
  const unparsed: string[] = [];
  let device = '';
  for (const line of linesOf(text)) {
    if (/^port\s+vlan/.test(line)) continue;
    const match = line.match(/^(\S*)\s+(\d+)(?:-(\d+))?(.*)$/);
    if (match) {
      device = match[1] || device;
      const flags = [...(/PVID/.test(match[4] ?? '') ? ['PVID'] : []), ...(/Egress Untagged/.test(match[4] ?? '') ? ['Egress Untagged'] : [])];
      value.push(...range(device, Number(match[2]), Number(match[3] ?? match[2]), flags));
    } else if (/^\S+(\s+None)?$/.test(line)) {
      device = line.split(/\s/)[0] ?? '';
    } else {
      unparsed.push(line.slice(0, 120));
    }
  }
  return { value, unparsed };
};

/** `bridge [-j] vlan show` */
export const parseVlans = (text: string): Parsed<BridgeVlan[]> => {
  if (!looksLikeJson(text)) return fromText(text);
  const { value, unparsed } = readRecords(text);
  return { value: value.flatMap(fromJson), unparsed };
};
