import type { Link, TcFilter } from '../../node/snapshot.ts';
import { assume, decided, type StopDetail } from '../flight.ts';
import { choose } from '../fork.ts';
import { type Place, placeKey } from '../world.ts';
import { filtersOn } from './filters.ts';
import { filterMatches, type Seen } from './match.ts';

export type TcResult =
  | { kind: 'pass' }
  | { kind: 'stop'; detail: StopDetail }
  /** mirred: out of, or into, another device of this netns. */
  | { kind: 'redirect'; device: string; into: 'egress' | 'ingress'; filter: string }
  | { kind: 'lose'; reason: string };

type Action = TcFilter['actions'][number];

/** `filter dev eth0 ingress pref 49152 u32 (match 0/0 at 0) → mirred (Egress Redirect to device vxlan1)` */
export const filterLine = ({ device, parent, protocol, pref, kind, keys = [], actions }: TcFilter): string =>
  `filter dev ${device} ${parent} protocol ${protocol} pref ${pref} ${kind}${keys.length > 0 ? ` (${keys.join('; ')})` : ''} → ${actions.map((action) => `${action.kind} ${action.detail}`.trim()).join(', ') || 'ok'}`;

/** Filters on one side of a device: the first that takes the packet decides (net/sched/cls_api.c tcf_classify). */
export const runTc = (seen: Seen, place: Place, device: Link, side: 'ingress' | 'egress'): TcResult => {
  for (const filter of filtersOn(place.netns, device, side)) {
    const result = tryFilter(seen, place, filter);
    if (result) return result;
  }
  return { kind: 'pass' };
};

const tryFilter = (seen: Seen, place: Place, filter: TcFilter): TcResult | undefined => {
  if (filter.kind === 'bpf') return program(seen, filter, `a tc bpf program on ${filter.device} decides`);
  const answer = filterMatches(filter, seen) ?? assumed(seen, place, filter);
  if (!answer) return undefined;
  for (const action of filter.actions) {
    const result = act(seen, filter, action);
    if (result === 'next filter') return undefined;
    if (result === 'next action') continue;
    if (result.kind !== 'pass') decided(seen.journey, filter.parent === 'ingress' ? 'here' : 'next', { by: 'tc', object: filterLine(filter) });
    return result;
  }
  return { kind: 'pass' };
};

const assumed = ({ journey }: Seen, place: Place, filter: TcFilter): boolean =>
  assume(journey, `${placeKey(place)} ${filterLine(filter)}`, {
    kind: 'unknown',
    what: `not judged: tc ${filterLine(filter)}`,
    ways: [{ label: 'does not match' }, { label: 'matches' }],
  }) === 1;

const program = ({ journey }: Seen, filter: TcFilter, what: string): TcResult | undefined => {
  const way = choose(journey, { kind: 'opaque', what, ways: [{ label: 'lets it pass' }, { label: 'takes it' }] });
  return way === 0 ? undefined : { kind: 'stop', detail: dropped(filter, what) };
};

const dropped = (filter: TcFilter, message: string): StopDetail => ({
  reason: 'tc',
  message,
  decidedBy: filterLine(filter),
  facts: { interface: filter.device, side: filter.parent, pref: filter.pref, kind: filter.kind },
});

type Acted = TcResult | 'next action' | 'next filter';

/** The last word of an action says what comes after it (`pipe`, `ok`, `continue`…). */
const control = (detail: string): Acted => {
  if (/\b(pipe|continue)\b/.test(detail)) return /\bcontinue\b/.test(detail) ? 'next filter' : 'next action';
  return { kind: 'pass' };
};

const act = (seen: Seen, filter: TcFilter, { kind, detail, redirectTo }: Action): Acted => {
  switch (kind) {
    case 'gact':
      if (/\b(drop|shot)\b/.test(detail))
        return { kind: 'stop', detail: dropped(filter, `dropped by a tc filter on ${filter.device} (${filter.parent})`) };
      return control(detail.replace(/^action /, ''));
    case 'mirred':
      return mirred(filter, detail, redirectTo);
    case 'skbedit': {
      const mark = /\bmark (0x[0-9a-f]+|\d+)/.exec(detail)?.[1];
      if (mark !== undefined) seen.flight.mark = Number(mark);
      return control(detail);
    }
    case 'vlan':
      seen.frame.vlan = /\bpop\b/.test(detail) ? undefined : Number(/\bid (\d+)/.exec(detail)?.[1] ?? seen.frame.vlan);
      return control(detail);
    case 'police':
      return program(seen, filter, `a tc police action on ${filter.device} drops what is over its rate`) ?? 'next action';
    case 'bpf':
      return program(seen, filter, `a tc bpf action on ${filter.device} decides`) ?? 'next action';
    default:
      return passive.has(kind)
        ? control(detail)
        : { kind: 'lose', reason: `tc action ${kind} on ${filter.device} changes the packet in a way not followed` };
  }
};

const passive = new Set(['csum', 'sample', 'simple', 'connmark', 'ctinfo', 'ct', 'gate']);

const mirred = (filter: TcFilter, detail: string, redirectTo: string | undefined): Acted => {
  if (redirectTo === undefined) return control(detail);
  const into = /\(Ingress/i.test(detail) ? 'ingress' : 'egress';
  return { kind: 'redirect', device: redirectTo, into, filter: filterLine(filter) };
};
