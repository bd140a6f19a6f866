/** Wall time of the steps of a run, for the report and for `-v`. Steps may overlap; their sum may exceed the total. */
export interface Stopwatch {
  measure: <T>(step: string, work: () => Promise<T>) => Promise<T>;
  /** Milliseconds per step so far, `total` since the start. */
  read: () => Record<string, number>;
}

export const startStopwatch = (now: () => number = () => performance.now()): Stopwatch => {
  const started = now();
  const steps: Record<string, number> = {};
  return {
    measure: async (step, work) => {
      const from = now();
      try {
        return await work();
      } finally {
        steps[step] = Math.round((steps[step] ?? 0) + now() - from);
      }
    },
    read: () => ({ ...steps, total: Math.round(now() - started) }),
  };
};
