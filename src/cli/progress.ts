import ora from 'ora';

/** Says what the run is doing, on stderr, only to a person. */
export interface Progress {
  step: (text: string) => void;
  stop: () => void;
}

const silent: Progress = { step: () => undefined, stop: () => undefined };

/** A spinner on a terminal that is no CI; nothing elsewhere, so that logs and pipes hold the report alone. */
export const startProgress = (stderr: NodeJS.WriteStream, env: NodeJS.ProcessEnv, quiet: boolean): Progress => {
  if (quiet || !stderr.isTTY || env.CI !== undefined || env.TERM === 'dumb') return silent;
  // discardStdin would put the terminal into raw mode, and Ctrl-C would then reach us late
  const spinner = ora({ stream: stderr, discardStdin: false, ...(env.NO_COLOR === undefined ? {} : { color: false }) });
  return {
    step: (text) => {
      if (spinner.isSpinning) spinner.text = text;
      else spinner.start(text);
    },
    stop: () => {
      spinner.stop();
    },
  };
};
