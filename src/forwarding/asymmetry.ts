import { hostPort } from './address.ts';
import type { Hop, Packet, Walk } from './hop.ts';

/** Nodes in the order they are passed. */
const nodesOf = ({ hops }: Walk): string[] => hops.map(({ node }) => node).filter((node, at, all) => node !== all[at - 1]);

/** By which interface a node is left for another one, or entered from it. */
const crossings = (hops: Hop[], direction: Hop['direction']): Map<string, string> => {
  const found = new Map<string, string>();
  for (const [at, hop] of hops.entries()) {
    const other = direction === 'out' ? hops[at + 1] : hops[at - 1];
    if (other && other.node !== hop.node && hop.direction === direction) found.set(`${hop.node} ${other.node}`, outermost(hops, at, direction));
  }
  return found;
};

/** A packet in a tunnel is named by the tunnel's device, which stands before the uplink on the way out and behind it on the way in. */
const outermost = (hops: Hop[], at: number, direction: Hop['direction']): string => {
  const tunnel = hops[direction === 'out' ? at - 1 : at + 1];
  const hop = hops[at];
  return tunnel?.node === hop?.node && tunnel?.tunnel !== undefined ? tunnel.interface : (hop?.interface ?? '');
};

const listed = (nodes: string[]): string => nodes.join(' → ');

/**
 * Where the reply does not take the way of the request, in words: other nodes, other interfaces between the same nodes, and translations on
 * nodes that it does not pass again. Empty where it does, and where either way is not known to its end.
 */
export const asymmetryOf = (there: Walk | undefined, back: Walk | undefined): string[] => {
  if (!there || !back || there.outcome !== 'delivered' || back.outcome === 'unknown') return [];
  const [request, reply] = [nodesOf(there), nodesOf(back)];
  const complete = back.outcome === 'delivered';
  const other = complete && listed(request) !== listed(reply.toReversed());
  const passed = new Set(reply);
  return [
    ...(other ? [`the request goes ${listed(request)}, the reply ${listed(reply)}`] : differingInterfaces(there, back)),
    ...(complete ? untouched(there, passed) : []),
  ];
};

const differingInterfaces = (there: Walk, back: Walk): string[] => {
  const left = crossings(back.hops, 'out');
  const entered = crossings(back.hops, 'in');
  const differing = (name: string | undefined, back: string | undefined): boolean => name !== undefined && back !== undefined && name !== back;
  return [
    ...[...crossings(there.hops, 'out')].flatMap(([pair, name]) => {
      const [node = '', other = ''] = pair.split(' ');
      const reply = entered.get(`${node} ${other}`);
      return differing(name, reply) ? [`the request leaves ${node} for ${other} by ${name}, the reply comes in by ${reply}`] : [];
    }),
    ...[...crossings(there.hops, 'in')].flatMap(([pair, name]) => {
      const [node = '', other = ''] = pair.split(' ');
      const reply = left.get(`${node} ${other}`);
      return differing(name, reply) ? [`the request enters ${node} from ${other} by ${name}, the reply leaves by ${reply}`] : [];
    }),
  ];
};

/** A translation is undone where it was made, and nowhere else. */
const untouched = ({ translations }: Walk, passed: ReadonlySet<string>): string[] =>
  translations
    .filter(({ node }) => !passed.has(node))
    .map(({ node, before, after }) => `${node} translates the request (${changed(before, after)}), and the reply does not pass it`);

const changed = (before: Packet, after: Packet): string => {
  const destinations = [before, after].map(({ destination, destinationPort }) => hostPort(destination, destinationPort));
  const sources = [before, after].map(({ source, sourcePort }) => hostPort(source, sourcePort));
  return [
    ...(destinations[0] === destinations[1] ? [] : [`to ${destinations.join(' → ')}`]),
    ...(sources[0] === sources[1] ? [] : [`from ${sources.join(' → ')}`]),
  ].join(', ');
};
