/** `node test/unit/probe/record-fixtures.ts [scenario]`, as root: records the scenarios anew. */
import { createNetlab } from './netlab.ts';
import { observe } from './observe.ts';
import { saveRecording } from './recordings.ts';
import { scenarios } from './scenarios.ts';

const lab = await createNetlab();
try {
  for (const scenario of scenarios) {
    if (process.argv[2] === undefined || process.argv[2] === scenario.name) await saveRecording(scenario.name, await observe(lab, scenario));
  }
} finally {
  lab.remove();
}
