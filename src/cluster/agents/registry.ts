/** Everything this process has left in a cluster, so that no way of ending it forgets something. */
export interface Registry {
  /** @returns takes it off the list again, once it has been stopped */
  add: (stop: () => Promise<void>) => () => void;
  /** Stops all, each with its own short time limit; never throws. */
  stopAll: () => Promise<void>;
  readonly size: number;
}

export const createRegistry = (): Registry => {
  const stops = new Set<() => Promise<void>>();
  return {
    add: (stop) => {
      stops.add(stop);
      return () => stops.delete(stop);
    },
    stopAll: async () => {
      await Promise.allSettled([...stops].map((stop) => stop()));
    },
    get size() {
      return stops.size;
    },
  };
};

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

interface Ending {
  registry: Registry;
  stderr: { write: (text: string) => unknown };
  exit: (code: number) => void;
}

/**
 * First signal: stop what was started, then exit with 128 + its number. Second: exit at once and say how to clean up.
 * @returns takes the handlers away again
 */
export const stopOnSignals = (process: Pick<NodeJS.Process, 'on' | 'off'>, { registry, stderr, exit }: Ending): (() => void) => {
  let stopping = false;
  const handlers = Object.entries(SIGNALS).map(([signal, number]) => {
    const handler = (): void => {
      if (stopping || registry.size === 0) {
        if (stopping) stderr.write('\nagent pods may be left behind: kubectl netdoctor cleanup removes them\n');
        exit(128 + number);
        return;
      }
      stopping = true;
      registry.stopAll().then(() => exit(128 + number));
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
};
