/** One line per finished step with its duration, on stderr so that stdout stays for the caller's shell. */
export const step = async <T>(title: string, work: () => Promise<T>): Promise<T> => {
  const started = performance.now();
  const result = await work();
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${title}\n`);
  return result;
};

export const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const messageOf = (error: unknown): string => {
  if (error instanceof Error && 'shortMessage' in error)
    return `${error.shortMessage}${'stderr' in error && error.stderr ? `: ${error.stderr}` : ''}`;
  return error instanceof Error ? error.message : String(error);
};

/** Polls until the condition's promise resolves to true; a rejection counts as "not yet" and is what the timeout reports. */
export const waitFor = async (what: string, condition: () => Promise<boolean>, { timeout = 60_000, interval = 100 } = {}): Promise<void> => {
  const deadline = performance.now() + timeout;
  let last = 'the condition did not hold';
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = messageOf(error);
    }
    await pause(interval);
  }
  throw new Error(`failed to see ${what} within ${timeout / 1000} s; last: ${last}`);
};
