import type { Names } from './names.ts';

/** The same names, none later than `limitMs` from now: a look-up that takes longer has failed, whatever it waits for. */
export const limitTime = (names: Names, limitMs: number): Names => {
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(new Error(`no answer within ${limitMs} ms`));
    }, limitMs);
  });
  // nobody may be looking anything up when the time is over
  over.catch(() => undefined);
  return {
    ...names,
    objects: (kind, namespace) => Promise.race([names.objects(kind, namespace), over]),
    close: () => {
      clearTimeout(timer);
      names.close();
      // a credential plugin that waits for a browser would keep this process, and the shell with it, for minutes; nothing of ours is to be undone
      if (late) process.exit(0);
    },
  };
};
