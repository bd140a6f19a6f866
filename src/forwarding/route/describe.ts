import type { Route } from '../../node/snapshot.ts';
import type { Path, RouteDecision } from './lookup.ts';

/** `route 10.244.1.0/24 via 10.244.1.0 dev flannel.1`; the device is left out where the reader sees it anyway. */
export const describeRoute = (decision: RouteDecision, path?: Path, device: 'with device' | 'without device' = 'with device'): string => {
  const { route } = decision;
  if (!route) return decision.kind === 'refused' && decision.rule ? `rule ${decision.rule.priority}: ${decision.rule.action}` : 'no route';
  if (decision.kind === 'refused') return `${route.type} ${route.destination}`;
  const taken = decision.kind === 'unicast' ? (path ?? decision.paths[0]) : undefined;
  const via = taken?.gateway === undefined ? '' : ` via ${taken.gateway}`;
  const dev = device === 'with device' ? ` dev ${taken?.device ?? (decision.kind === 'local' ? decision.device : '')}` : '';
  return `route ${route.destination}${via}${dev}${tableWords(route)}`;
};

const tableWords = ({ table }: Route): string => (table === 'main' || table === 'local' ? '' : ` table ${table}`);

/** The route as `ip route` prints it. */
export const routeLine = (route: Route): string => {
  const { destination, type, gateway, device, source, metric, protocol, scope, flags, nexthops, mtu } = route;
  const words = [
    type === 'unicast' ? '' : type,
    /^(0\.0\.0\.0|::)\/0$/.test(destination) ? 'default' : destination.replace(/\/(32|128)$/, ''),
    gateway === undefined ? '' : `via ${gateway}`,
    device === undefined ? '' : `dev ${device}`,
    tableWords(route).trim(),
    protocol === 'boot' ? '' : `proto ${protocol}`,
    scope === 'global' ? '' : `scope ${scope}`,
    source === undefined ? '' : `src ${source}`,
    metric === 0 ? '' : `metric ${metric}`,
    mtu === undefined ? '' : `mtu ${mtu}`,
    ...flags,
    ...nexthops.map((hop) => `nexthop ${hop.gateway === undefined ? '' : `via ${hop.gateway} `}dev ${hop.device} weight ${hop.weight}`),
  ];
  return words.filter((word) => word !== '').join(' ');
};
