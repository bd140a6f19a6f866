import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { recordingFromBytes } from '../../../src/bundle/file.ts';
import { bundleReader } from '../../../src/bundle/reader.ts';
import { replayDoors } from '../../../src/bundle/replay.ts';
import { resolvePair } from '../../../src/cluster/words/resolve.ts';
import { type ModelRequest, runModel } from '../../../src/doctor/run-model.ts';
import { type PathPorts, runPath } from '../../../src/doctor/run-path.ts';
import { startStopwatch } from '../../../src/doctor/stopwatch.ts';
import type { PathReport } from '../../../src/report/report.ts';

/** Incidents recorded on the lab. */
export const bundles = join(import.meta.dirname, '../../fixtures/bundles');

export const opened = async (file: string): Promise<{ request: ModelRequest; ports: PathPorts }> => {
  const recording = await recordingFromBytes(readFileSync(file));
  return {
    request: recording.meta.request as unknown as ModelRequest,
    ports: {
      api: bundleReader(recording.api),
      open: replayDoors(recording),
      mark: recording.meta.mark,
      now: () => new Date(recording.meta.time),
      thorough: true,
      say: () => undefined,
      stopwatch: startStopwatch(),
    },
  };
};

/** `path --from FILE` */
export const replayPath = async (file: string): Promise<PathReport> => {
  const { request, ports } = await opened(file);
  return runPath(request, (api, from, to, namespace) => resolvePair(api, namespace, { from, to }), ports);
};

/** `path --from NAME.tgz` of an incident */
export const replay = (name: string): Promise<PathReport> => replayPath(join(bundles, `${name}.tgz`));

/** `path --from NAME.tgz --model-only`, with what is to be tried */
export const replayModel = async (name: string, ...whatIf: string[]): Promise<PathReport> => {
  const { request, ports } = await opened(join(bundles, `${name}.tgz`));
  return runModel({ ...request, whatIf }, (api, from, to, namespace) => resolvePair(api, namespace, { from, to }), ports);
};
