import type { NodeDoor } from '../doctor/ports.ts';
import type { Recording } from './recording.ts';

/** The same door, everything that comes through it kept. Probe output is kept by whoever sends the probes, which alone sees it raw. */
export const recordDoor = (door: NodeDoor, recording: Recording): NodeDoor => {
  recording.doors.push({ node: door.node, reach: door.reach });
  return {
    ...door,
    collect: async (request) => {
      const collection = await door.collect(request);
      recording.collections.push(collection);
      return collection;
    },
    watchDrops: async (request) => {
      const watch = await door.watchDrops(request);
      return {
        stop: async () => {
          const raw = await watch.stop();
          recording.drops.push(raw);
          return raw;
        },
      };
    },
    traceRules: async () => {
      const armed = await door.traceRules();
      return {
        stop: async () => {
          const raw = await armed.stop();
          recording.rules.push(raw);
          return raw;
        },
      };
    },
    tap: async (requests, filter, lengths) => {
      const armed = await door.tap(requests, filter, lengths);
      return {
        stop: async (wanted) => {
          const raw = await armed.stop(wanted);
          recording.taps.push(raw);
          return raw;
        },
      };
    },
  };
};
