import type { Lab } from '../handle.ts';

/** One way in which a cluster breaks, and the way back to a healthy one. */
export interface Fault {
  readonly name: string;
  /** What is wrong afterwards, in the words of a report. */
  readonly title: string;
  readonly inject: (lab: Lab) => Promise<void>;
  /** Works without memory of inject, also twice, so that a killed test can be cleaned up after. */
  readonly undo: (lab: Lab) => Promise<void>;
}

/** What the faults break: the way from clients on `peer` to `pod` on `node`. */
export const victim = { pod: 'server-node2', node: 'node2', peer: 'node1' } as const;

/** Undoes a fault and returns when the cluster carries traffic everywhere again. */
export const heal = async (lab: Lab, fault: Fault): Promise<void> => {
  await fault.undo(lab);
  await lab.waitUntilHealthy();
};
