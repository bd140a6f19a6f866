'use strict';
// Runs main.cjs from the code that V8 compiled when the archive was made (main.cjs.cache). V8 refuses a cache of other code or
// of another Node and compiles anew, so that a bad cache costs time and nothing else.
const { readFileSync } = require('node:fs');
const { Module } = require('node:module');
const { join } = require('node:path');
const { constants, Script } = require('node:vm');

const program = join(__dirname, 'main.cjs');
const cache = `${program}.cache`;

const readCache = () => {
  try {
    return readFileSync(cache);
  } catch {
    return undefined;
  }
};

const compile = (cachedData) =>
  new Script(Module.wrap(readFileSync(program, 'utf8')), {
    // V8 keeps it in the cache and shows it in stack traces; a whole path would be that of the machine that made the archive
    filename: 'main.cjs',
    cachedData,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });

const run = (script) => {
  process.argv[1] = program;
  script.runInThisContext()(exports, require, module, program, __dirname);
};

if (require.main === module) run(compile(readCache()));

module.exports = { cache, compile, run };
