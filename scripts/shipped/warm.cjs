'use strict';
// Makes main.cjs.cache beside start.cjs: warm.cjs DIRECTORY WORDS… runs netdoctor with these words and keeps what V8 compiled for it.
// After the run, because by then the functions that a run needs are compiled too.
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');

const [directory] = process.argv.splice(2, 1);
const { cache, compile, run } = require(join(directory, 'start.cjs'));

const script = compile();
process.on('exit', () => writeFileSync(cache, script.createCachedData()));
run(script);
