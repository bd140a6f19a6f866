import type { Neighbour, Netns } from '../../node/snapshot.ts';
import { familyOf, parseAddress, sameAddress } from '../address.ts';
import { linkNamed } from '../world.ts';
import { readArguments } from './arguments.ts';
import { fail } from './change.ts';

const KEYS: ReadonlySet<string> = new Set(['dev', 'lladdr', 'nud']);

/** `ip neigh add|replace|change|del|flush [proxy] ADDRESS dev NAME [lladdr MAC] [nud STATE]` */
export const changeNeighbours = (netns: Netns, words: readonly string[]): Netns => {
  const [verb = '', ...rest] = words;
  const { first, value } = readArguments(rest, KEYS);
  const proxy = first.includes('proxy');
  const address = first.find((word) => word !== 'proxy' && word !== 'to');
  const device = value('dev') ?? fail('ip neigh: dev NAME is missing');
  if (!linkNamed(netns, device)) fail(`ip neigh: there is no interface ${device} (Cannot find device)`);
  const isMeant = (one: Neighbour): boolean =>
    one.device === device && one.proxy === proxy && (address === undefined || sameAddress(one.address, address));
  if (verb === 'flush') return { ...netns, neighbours: netns.neighbours.filter((one) => !isMeant(one) || one.state === 'PERMANENT') };
  if (address === undefined || !parseAddress(address)) return fail(`ip neigh: ${address ?? 'nothing'} is no address`);
  const known = netns.neighbours.some(isMeant);
  const others = netns.neighbours.filter((one) => !isMeant(one));
  if (verb === 'del' || verb === 'delete')
    return known ? { ...netns, neighbours: others } : fail(`ip neigh: there is no entry for ${address} on ${device} (No such file or directory)`);
  if (verb === 'add' && known) fail(`ip neigh: there is an entry for ${address} on ${device} already (File exists): replace it`);
  if (!['add', 'replace', 'change', 'chg', 'set'].includes(verb)) fail('ip neigh: add, replace, change, del and flush can be tried');
  const mac = value('lladdr');
  if (mac === undefined && !proxy) fail('ip neigh: lladdr MAC is missing');
  const made: Neighbour = {
    family: familyOf(address),
    address,
    device,
    ...(mac === undefined ? {} : { mac: mac.toLowerCase() }),
    state: (value('nud') ?? 'permanent').toUpperCase(),
    proxy,
    router: first.includes('router'),
  };
  return { ...netns, neighbours: [...others, made] };
};
