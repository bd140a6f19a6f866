/** Writes and waits until the reader has it; a reader that went away (`| head`) is no error of ours. */
export const writeAll = (stream: NodeJS.WriteStream, text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (error?: Error | null): void => {
      if (!error || ('code' in error && error.code === 'EPIPE')) resolve();
      else reject(error);
    };
    stream.once('error', settle);
    stream.write(text, (error) => {
      stream.removeListener('error', settle);
      settle(error);
    });
  });
