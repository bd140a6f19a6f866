import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { PodFacts, Protocol } from '../../../src/cluster/facts.ts';
import type { Start } from '../../../src/forwarding/walk.ts';
import type { World } from '../../../src/forwarding/world.ts';
import { found } from './world.ts';

/** A connection that was really tried, and what became of it. */
export interface Truth {
  /** `namespace/pod` or `node/name`. */
  src: string;
  dst: string;
  dst_ip: string;
  proto: Protocol;
  port: number;
  result: 'ok' | 'refused' | 'timeout';
}

export interface RecordedWorld extends World {
  truth: Truth[];
}

/** Snapshots and API objects of a real cluster, as read by the collector or made from the recordings of real plugins. */
export const recorded = (name: string): RecordedWorld =>
  JSON.parse(gunzipSync(readFileSync(new URL(`fixtures/${name}.json.gz`, import.meta.url))).toString('utf8')) as RecordedWorld;

export const startOf = ({ snapshots }: World, pod: PodFacts): Start => {
  const snapshot = found(snapshots.find(({ node }) => node === pod.node));
  return { node: snapshot.node, netns: found(snapshot.namespaces.find(({ podUid }) => podUid === pod.uid)).inode };
};
