import { readArguments } from './arguments.ts';
import { fail, type Tool } from './change.ts';

const KEYS: ReadonlySet<string> = new Set(['dev', 'parent', 'pref', 'prio', 'protocol', 'handle']);

/** `tc filter del dev NAME ingress|egress [pref N]`, `tc qdisc del dev NAME clsact|ingress|root` */
export const tc: Tool = (words, { netns }) => {
  const [object = '', verb = '', ...rest] = words;
  if (verb !== 'del' && verb !== 'delete') fail('tc: only filters and qdiscs can be deleted for a try');
  const { value, has } = readArguments(rest, KEYS);
  const device = value('dev') ?? fail('tc: dev NAME is missing');
  const { filters, qdiscs } = netns.tc;
  if (object === 'filter') {
    const side = has('egress') ? 'egress' : 'ingress';
    const preference = value('pref') ?? value('prio');
    const kept = filters.filter(
      (filter) => filter.device !== device || filter.parent !== side || (preference !== undefined && filter.pref !== Number(preference)),
    );
    if (kept.length === filters.length) fail(`tc: ${device} has no such filter on ${side}`);
    return [{ ...netns, tc: { qdiscs, filters: kept } }];
  }
  if (object !== 'qdisc') fail('tc: filter and qdisc can be tried');
  const kind = ['clsact', 'ingress'].find((name) => has(name));
  const isMeant = (one: { device: string; kind: string }): boolean => one.device === device && (kind === undefined || one.kind === kind);
  if (!qdiscs.some(isMeant)) fail(`tc: ${device} has no such qdisc`);
  const sides = kind === 'ingress' ? ['ingress'] : kind === 'clsact' ? ['ingress', 'egress'] : [];
  return [
    {
      ...netns,
      tc: {
        qdiscs: qdiscs.filter((one) => !isMeant(one)),
        filters: filters.filter((filter) => filter.device !== device || !sides.includes(filter.parent)),
      },
    },
  ];
};
