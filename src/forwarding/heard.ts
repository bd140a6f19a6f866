import type { Walk } from './hop.ts';
import { accepts } from './stack/listener.ts';
import { sysctl } from './sysctl.ts';
import { placeAt, unread, type World, wasRead } from './world.ts';

/** Whether somebody is there to answer: a socket, or for echo the kernel itself. */
export const isHeard = ({ end, arrived }: Walk, world: World): boolean | undefined => {
  const place = end && placeAt(world, end.node, end.netns);
  if (!place || !arrived) return undefined;
  if (arrived.protocol === 'icmp') {
    const name = arrived.destination.includes(':') ? 'net.ipv6.icmp.echo_ignore_all' : 'net.ipv4.icmp_echo_ignore_all';
    return sysctl(place.netns, name) !== '1';
  }
  if (arrived.destinationPort === undefined || !wasRead(place.netns) || place.netns.seen !== undefined) return undefined;
  return place.netns.sockets.some((socket) => accepts(socket, arrived)) || (unread(place, 'sockets') ? undefined : false);
};
