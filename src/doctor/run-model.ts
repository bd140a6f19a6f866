import { CliError, EXIT } from '../cluster/errors.ts';
import { ChangeError } from '../forwarding/what-if/change.ts';
import { rehearse } from '../forwarding/what-if/rehearse.ts';
import type { World } from '../forwarding/world.ts';
import type { PathReport } from '../report/report.ts';
import { judgeModel } from './judge-model.ts';
import { planProbes } from './plan.ts';
import { readScene } from './read-scene.ts';
import { dnsDomainOf, type PathPorts, type PathRequest, type ResolvePair } from './run-path.ts';

/** `path --model-only`, and `--what-if`: changes to try on the model, as they would be typed on a node. */
export interface ModelRequest extends PathRequest {
  modelOnly?: boolean;
  whatIf?: string[];
}

const changed = (world: World, texts: string[]): World => {
  try {
    return rehearse(world, texts);
  } catch (error) {
    if (error instanceof ChangeError) throw new CliError(`error: --what-if ${error.message}`, EXIT.usage);
    throw error;
  }
};

/** One run in which nothing is sent and nothing changed: resolve, enter, read, predict. A bundle serves as well as the cluster. */
export const runModel = async (request: ModelRequest, resolve: ResolvePair, ports: PathPorts): Promise<PathReport> => {
  const { stopwatch, say } = ports;
  const { whatIf = [] } = request;
  const { question, facts, snapshots, notChecked } = await readScene(request, resolve, ports);
  say('asking the model');
  const report = await stopwatch.measure('judge', async () => {
    const world = changed({ snapshots, facts }, whatIf);
    const requests = planProbes(question, facts, world.snapshots, dnsDomainOf(facts));
    const asked = { question, facts, before: snapshots, snapshots: world.snapshots, whatIf, requests, notChecked };
    return judgeModel(asked, ports.now().toISOString());
  });
  return { ...report, timings: stopwatch.read() };
};
