import type { Frame } from '../probe/tap/frame.ts';
import { type Match, matchOf } from '../probe/tap/join-sightings.ts';
import { addKeys, emptyIndex, learnNext } from '../probe/tap/key-index.ts';
import type { ProbeKey } from '../probe/tap/probe-keys.ts';

/** Tells probes in packets that come in the order of their time. */
export interface Recogniser {
  expect: (keys: ProbeKey[]) => void;
  recognise: (frame: Frame) => Match | undefined;
}

export const createRecogniser = (): Recogniser => {
  const index = emptyIndex();
  return {
    expect: (keys) => addKeys(index, keys),
    recognise: (frame) => {
      learnNext(index, frame);
      return matchOf(index, frame);
    },
  };
};
