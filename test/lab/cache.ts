import { homedir } from 'node:os';
import { join } from 'node:path';

/** Built programs and packed images, kept between labs and outside the work tree. */
export const cacheRoot = (): string =>
  process.env.NETDOCTOR_LAB_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'netdoctor-lab');
