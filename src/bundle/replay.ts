import type { DoorRequest, NodeDoor, OpenDoors } from '../doctor/ports.ts';
import { parseProbeOutput } from '../probe/live/parse-probes.ts';
import type { ProbeRequest, ProbeResult } from '../probe/probe.ts';
import type { Recording } from './recording.ts';

/** Two runs number their probes differently when one asks more; what is asked names it. */
const sameQuestion = (one: ProbeRequest, other: ProbeRequest): boolean =>
  one.purpose === other.purpose &&
  one.destination === other.destination &&
  one.protocol === other.protocol &&
  one.port === other.port &&
  one.size === other.size &&
  one.count === other.count;

const replayDoor = (node: string, reach: 'node' | 'pod', recording: Recording): NodeDoor => {
  const collections = recording.collections.filter((collection) => collection.node === node);
  const results = recording.probes.filter((record) => record.node === node).flatMap(({ requests, output }) => parseProbeOutput(output, requests));
  const taps = recording.taps.filter((raw) => raw.node === node);
  const rules = recording.rules.filter((raw) => raw.node === node);
  const watches = recording.drops.filter((raw) => raw.node === node);
  const taken = new Set<ProbeResult>();
  const answer = (request: ProbeRequest): ProbeResult => {
    const found = results.find((result) => !taken.has(result) && sameQuestion(result.request, request));
    if (!found) return { request, attempts: [], notRun: 'the bundle does not hold it' };
    taken.add(found);
    return found;
  };
  return {
    node,
    reach,
    collect: async () => {
      // a run that reads a node twice finds the second reading second; one that reads it more often than was recorded sees the last again
      const collection = collections.length > 1 ? collections.shift() : collections[0];
      if (!collection) throw new Error(`the bundle holds no reading of node ${node}`);
      return collection;
    },
    probe: async (requests) => requests.map(answer),
    watchDrops: async ({ taps: requests }) => ({
      stop: async () =>
        watches.shift() ?? { node, taps: requests, output: Buffer.alloc(0), failed: 'the bundle does not hold what the kernel dropped' },
    }),
    traceRules: async () => ({
      stop: async () => rules.shift() ?? { node, output: Buffer.alloc(0), failed: 'the bundle holds no trace of rules' },
    }),
    tap: async (requests) => ({
      stop: async () => taps.shift() ?? { node, taps: requests, output: Buffer.alloc(0), failed: 'the bundle holds no capture' },
    }),
  };
};

/** Doors that answer from a recording; a node it does not hold is closed. */
export const replayDoors =
  (recording: Recording): OpenDoors =>
  async (requests: DoorRequest[]) =>
    requests.map(({ node }) => {
      const door = recording.doors.find((candidate) => candidate.node === node);
      if (door) return replayDoor(node, door.reach, recording);
      return recording.closed.find((candidate) => candidate.node === node) ?? { node, closed: 'the bundle does not hold this node' };
    });
