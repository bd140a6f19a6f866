import { setTimeout } from 'node:timers/promises';
import { carriedLengths, EVERY_CARRIER, probeLengths } from '../../../src/probe/drops/lengths.ts';
import { type ProbeRecord, runProbes } from '../../../src/probe/live/run-probes.ts';
import { createSessionMark } from '../../../src/probe/live/session-mark.ts';
import type { ProbeResult } from '../../../src/probe/probe.ts';
import { armTaps } from '../../../src/probe/tap/arm-taps.ts';
import type { TapRaw, TapRequest } from '../../../src/probe/tap/tap-output.ts';
import { localSession } from './local-session.ts';
import type { Netlab, Place } from './netlab.ts';
import type { Scenario } from './scenarios.ts';

/** What a bundle would keep of one run. */
export interface Recording {
  probes: ProbeRecord;
  taps: TapRaw[];
  results: ProbeResult[];
}

/** A situation to look at. */
type Observable = Pick<Scenario, 'begin' | 'end' | 'from' | 'requests'> & { settleMs?: number };

const session = (lab: Netlab, place: Place, node: string) => localSession(node, lab.inside(place));

/** Runs a scenario in the lab with captures in both pods and both nodes. */
export const observe = async (lab: Netlab, { begin, end, from, requests, settleMs }: Observable): Promise<Recording> => {
  const mark = createSessionMark();
  const filter = {
    mark: mark.number,
    addresses: ['10.244.1.4', '10.244.2.5', 'fd44:2::5', '10.33.0.1', '10.33.0.2'],
    ports: [...new Set(requests.flatMap(({ port }) => port ?? [])), 8080, 9999, 53],
  };
  const bare = requests.flatMap((request) => probeLengths(request, { timestamps: true }));
  const lengths = carriedLengths(bare, EVERY_CARRIER);
  const here = (node: string, netns: string): TapRequest => ({ node, netns, from: { netns: 'host' } });
  const places: [Place, TapRequest[]][] = [
    ['a', [here('n1', 'a')]],
    ['n1', [here('n1', 'n1')]],
    // One exec with two captures, the second one by pid: as an agent on a node does it.
    ['n2', [here('n2', 'n2'), { node: 'n2', netns: 'b', from: { netns: 'pid', pid: lab.pidInB() } }]],
  ];
  lab.sh(begin);
  try {
    const armed = await Promise.all(
      places.map(([place, taps]) =>
        // one trace per node, as the agent of a node does it
        armTaps(session(lab, place, taps[0]?.node ?? ''), taps, { filter, maxSeconds: 20, ...(place === 'a' ? {} : { lengths }) }),
      ),
    );
    const records: ProbeRecord[] = [];
    const results = await runProbes(session(lab, from, 'n1'), requests, { mark, onRecord: (record) => records.push(record) });
    if (settleMs !== undefined) await setTimeout(settleMs);
    const taps = await Promise.all(armed.map(({ stop }) => stop({ drops: true })));
    const [probes] = records;
    if (!probes) throw new Error('the prober left no record');
    return { probes, taps, results };
  } finally {
    lab.sh(end);
  }
};
