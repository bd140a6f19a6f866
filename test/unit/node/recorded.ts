import { readdirSync, readFileSync } from 'node:fs';
import { parseCollection } from '../../../src/node/parse-collection.ts';
import type { RawCollection, RawSection } from '../../../src/node/raw.ts';
import type { NodeSnapshot } from '../../../src/node/snapshot.ts';

const FIXTURES = new URL('../../fixtures/node/', import.meta.url);

export const fixture = (path: string): string => readFileSync(new URL(path, FIXTURES), 'utf8');

export const section = (name: string, text: string, netns?: string): RawSection => ({
  name,
  ...(netns === undefined ? {} : { netns }),
  tool: 'image',
  status: 0,
  // programs end their last line
  text: text === '' || text.endsWith('\n') ? text : `${text}\n`,
  stderr: '',
});

/** The host's namespace is 4026531840, pods' follow in alphabetical order of their folders. */
export const inodeOf = (place: string, places: readonly string[]): string =>
  place === 'host' ? '4026531840' : `${4026532001 + places.filter((other) => other !== 'host').indexOf(place)}`;

/**
 * A folder of fixtures/node/recordings as the collection it would have been: one folder per namespace (`host`, pods), one file per
 * section; OVSDB is the node's.
 */
export const recorded = (name: string, pins: Record<string, string> = {}): RawCollection => {
  const places = readdirSync(new URL(`recordings/${name}/`, FIXTURES)).sort();
  const pods = places.filter((place) => place !== 'host');
  const sections = places.flatMap((place) =>
    readdirSync(new URL(`recordings/${name}/${place}/`, FIXTURES)).map((file) =>
      section(file, fixture(`recordings/${name}/${place}/${file}`), file === 'ovs' ? undefined : inodeOf(place, places)),
    ),
  );
  const lines = [
    `P ${inodeOf('host', places)} 1`,
    ...pods.map((pod, at) => `P ${inodeOf(pod, places)} ${100 + at}`),
    ...pods.map((pod, at) => `C ${100 + at} uid-${pod}`),
    ...Object.entries(pins).map(([pod, path]) => `N ${inodeOf(pod, places)} 1 ${path}`),
  ];
  const meta = `reach node\nclock 1795230334\nkernel 6.18.44\nhost ${inodeOf('host', places)}\nown ${inodeOf('host', places)}`;
  return { node: 'node1', reach: 'node', sections: [section('meta', meta), section('processes', lines.join('\n')), ...sections] };
};

export const snapshotOf = (name: string, pins?: Record<string, string>): NodeSnapshot => parseCollection(recorded(name, pins));
