import manifest from '../package.json' with { type: 'json' };

/** One place tells the version: package.json. */
export const VERSION = `v${manifest.version}`;
