import type { Netns } from '../../node/snapshot.ts';
import type { Place } from '../world.ts';
import { familyAsked } from './arguments.ts';
import { fail, type Tool } from './change.ts';
import { changeAddresses } from './ip-address.ts';
import { changeLinks } from './ip-link.ts';
import { changeNeighbours } from './ip-neighbour.ts';
import { changeRoutes } from './ip-route.ts';
import { changeRules } from './ip-rule.ts';

type Change = (place: Place, words: readonly string[], options: readonly string[]) => Netns[];

/** The first address or prefix among words tells the family where no option does. */
const familyIn = (words: readonly string[], options: readonly string[]) =>
  familyAsked(
    options,
    words.find(
      (word) => /^[0-9a-f]*:[0-9a-f:.]*(\/\d+)?$/i.test(word) && word.split(':').length > 2 && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(word),
    ),
  );

const objects: Record<string, Change> = {
  route: ({ netns }, words, options) => [changeRoutes(netns, words, familyIn(words, options))],
  rule: ({ netns }, words, options) => [changeRules(netns, words, familyIn(words, options))],
  address: ({ netns }, words) => [changeAddresses(netns, words)],
  link: (place, words) => changeLinks(place, words),
  neighbour: ({ netns }, words) => [changeNeighbours(netns, words)],
};

/** iproute2 takes any beginning of a name (`ip r`, `ip addr`, `ip neigh`). */
const objectFor = (word: string): Change | undefined =>
  word === ''
    ? undefined
    : objects[
        ['route', 'rule', 'address', 'link', 'neighbour', 'neighbor'].find((name) => name.startsWith(word))?.replace('neighbor', 'neighbour') ?? ''
      ];

export const ip: Tool = (words, place) => {
  const at = words.findIndex((word) => !word.startsWith('-'));
  const object = objectFor(words[at] ?? '') ?? fail(`ip: ${words[at] ?? 'nothing'} cannot be tried; ${Object.keys(objects).join(', ')} can`);
  return object(place, words.slice(at + 1), words.slice(0, Math.max(0, at)));
};
