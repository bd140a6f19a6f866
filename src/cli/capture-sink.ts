import { constants, existsSync, fstatSync, ftruncateSync, writeSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { SinkEnd } from '../capture/end.ts';
import { CliError, EXIT } from '../cluster/errors.ts';
import type { CaptureSink } from '../doctor/capture/sink.ts';
import { reasonOf } from './file-reason.ts';

/** Writes all of it, or throws. */
type Write = (bytes: Buffer) => Promise<void>;

interface Output {
  write: Write;
  /** Takes a part that was written off again, so that what stays is whole; does nothing where that cannot be. */
  cutTo: (bytes: number) => Promise<void>;
  close: () => Promise<void>;
}

const isGone = (error: unknown): boolean => error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET');

/** One write after the other; after a failure nothing more is written. */
const createSink = ({ write, cutTo, close }: Output): CaptureSink => {
  const broken = Promise.withResolvers<SinkEnd>();
  let failed = false;
  let closed = false;
  let pending = 0;
  /** Bytes of whole writes. */
  let whole = 0;
  let last: Promise<void> = Promise.resolve();
  const one = async (bytes: Buffer, done: (() => void) | undefined): Promise<void> => {
    try {
      if (failed) return;
      await write(bytes);
      whole += bytes.length;
      done?.();
    } catch (error) {
      failed = true;
      broken.resolve(isGone(error) ? { is: 'reader-gone' } : { is: 'failed', reason: reasonOf(error) });
    } finally {
      pending -= bytes.length;
    }
  };
  return {
    get pending() {
      return pending;
    },
    broken: broken.promise,
    write: (bytes, done) => {
      pending += bytes.length;
      last = last.then(() => one(bytes, done));
    },
    close: async () => {
      if (closed) return;
      closed = true;
      await last;
      if (failed) await cutTo(whole).catch(() => undefined);
      await close().catch(() => undefined);
    },
  };
};

/** What the file held stays until there is something new; a file that was made in vain is removed. */
const fileOutput = (file: string, handle: FileHandle, isNew: boolean): Output => {
  let touched = false;
  return {
    write: async (bytes) => {
      // a pipe or a device has nothing to be cut
      if (!touched && (await handle.stat()).isFile()) await handle.truncate(0);
      touched = true;
      for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
    },
    cutTo: (bytes) => handle.truncate(bytes),
    close: async () => {
      await handle.close();
      if (isNew && !touched) await rm(file);
    },
  };
};

/** Standard output that is a pipe or a terminal. */
const streamOutput = (stream: NodeJS.WriteStream): Output => ({
  write: (bytes) =>
    new Promise((resolve, reject) => {
      stream.once('error', reject);
      stream.write(bytes, (error) => {
        stream.removeListener('error', reject);
        if (error) reject(error);
        else resolve();
      });
    }),
  cutTo: async () => undefined,
  close: async () => undefined,
});

/** Standard output that the shell made a file: its stream would not tell of a write that was cut short. @param before bytes it held already */
const redirectedOutput = (fd: number, before: number): Output => ({
  write: async (bytes) => {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  },
  cutTo: async (bytes) => ftruncateSync(fd, before + bytes),
  close: async () => undefined,
});

/** @throws CliError when the file cannot be made, before anything else is done */
export const openFileSink = async (file: string): Promise<CaptureSink> => {
  const isNew = !existsSync(file);
  const handle = await open(file, constants.O_WRONLY | constants.O_CREAT).catch((error: unknown) => {
    throw new CliError(`error: cannot write ${file}: ${reasonOf(error)}`, EXIT.usage, { cause: error });
  });
  return createSink(fileOutput(file, handle, isNew));
};

export const openStreamSink = (stream: NodeJS.WriteStream & { fd: number }): CaptureSink => {
  const stat = fstatSync(stream.fd);
  if (stat.isFile()) return createSink(redirectedOutput(stream.fd, stat.size));
  // an error that no write waits for would end the process
  stream.on('error', () => undefined);
  return createSink(streamOutput(stream));
};
