import { readFileSync } from 'node:fs';
import { recordingFromBytes } from '../../../src/bundle/file.ts';
import { bundleReader } from '../../../src/bundle/reader.ts';
import { replayDoors } from '../../../src/bundle/replay.ts';
import { resolvePair } from '../../../src/cluster/words/resolve.ts';
import { type PathRequest, runPath } from '../../../src/doctor/run-path.ts';
import { startStopwatch } from '../../../src/doctor/stopwatch.ts';
import type { PathReport } from '../../../src/report/report.ts';

/** `path --from FILE` */
export const replayPath = async (file: string): Promise<PathReport> => {
  const recording = await recordingFromBytes(readFileSync(file));
  return runPath(recording.meta.request as unknown as PathRequest, (api, from, to, namespace) => resolvePair(api, namespace, { from, to }), {
    api: bundleReader(recording.api),
    open: replayDoors(recording),
    mark: recording.meta.mark,
    now: () => new Date(recording.meta.time),
    thorough: true,
    say: () => undefined,
    stopwatch: startStopwatch(),
  });
};
