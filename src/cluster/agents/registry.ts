/** Everything this process has left in a cluster, so that no way of ending it forgets something. */
export interface Registry {
  /**
   * @param stop has a short time limit of its own and gives the names of what it could not remove
   * @returns takes it off the list again, once it has been stopped
   */
  add: (stop: () => Promise<string[]>) => () => void;
  /** The same for what runs inside an agent and has to end while the agent still lives. */
  addInside: (stop: () => Promise<unknown>) => () => void;
  /**
   * For a run that can end by itself with what it has: it is told of the first signal, with the exit code that says so, instead of being
   * stopped.
   * @returns takes it back
   */
  endEarly: (end: (exitCode: number) => void) => () => void;
  /** The one to be told, when there is one. */
  readonly ending: ((exitCode: number) => void) | undefined;
  /** Stops all and gives the names of what is left behind; never throws. */
  stopAll: () => Promise<string[]>;
  readonly size: number;
}

/** What an agent does not end by itself in this time dies with it. */
const INSIDE_TIMEOUT_MS = 1_500;

export const createRegistry = (): Registry => {
  const stops = new Set<() => Promise<string[]>>();
  const inside = new Set<() => Promise<unknown>>();
  let ending: ((exitCode: number) => void) | undefined;
  return {
    add: (stop) => {
      stops.add(stop);
      return () => stops.delete(stop);
    },
    addInside: (stop) => {
      inside.add(stop);
      return () => inside.delete(stop);
    },
    endEarly: (end) => {
      ending = end;
      return () => {
        ending = undefined;
      };
    },
    get ending() {
      return ending;
    },
    stopAll: async () => {
      // unref: the limit must not keep the process alive once all is ended
      const limit = new Promise((resolve) => setTimeout(resolve, INSIDE_TIMEOUT_MS).unref());
      await Promise.race([Promise.allSettled([...inside].map((stop) => stop())), limit]);
      const results = await Promise.allSettled([...stops].map((stop) => stop()));
      return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    },
    get size() {
      return stops.size;
    },
  };
};

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** One line for stderr. */
export const leftBehind = (names: string[]): string =>
  `agent pods ${names.length > 0 ? `(${names.join(', ')}) ` : ''}may be left behind: kubectl netdoctor cleanup removes them`;

interface Ending {
  registry: Registry;
  stderr: { write: (text: string) => unknown };
  exit: (code: number) => void;
}

/**
 * First signal: stop what was started, then exit with 128 + its number. Second: exit at once and say how to clean up. A run that can end
 * by itself is told so before all that.
 * @returns takes the handlers away again
 */
export const stopOnSignals = (process: Pick<NodeJS.Process, 'on' | 'off'>, { registry, stderr, exit }: Ending): (() => void) => {
  let stopping = false;
  let told = false;
  const handlers = Object.entries(SIGNALS).map(([signal, number]) => {
    const handler = (): void => {
      if (registry.ending && !told) {
        told = true;
        registry.ending(128 + number);
        return;
      }
      if (stopping || registry.size === 0) {
        if (stopping) stderr.write(`\n${leftBehind([])}\n`);
        exit(128 + number);
        return;
      }
      stopping = true;
      registry.stopAll().then((left) => {
        if (left.length > 0) stderr.write(`${leftBehind(left)}\n`);
        exit(128 + number);
      });
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
};
