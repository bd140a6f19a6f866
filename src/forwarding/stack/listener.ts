import type { ListeningSocket, Netns } from '../../node/snapshot.ts';
import { familyOf, hostPort, sameAddress } from '../address.ts';
import type { Packet } from '../hop.ts';

const wildcards = new Set(['0.0.0.0', '::', '*', '']);

/** Would this socket take the packet? */
export const accepts = (socket: ListeningSocket, { destination, destinationPort, protocol }: Packet): boolean => {
  if (socket.protocol !== protocol || socket.port !== destinationPort) return false;
  if (sameAddress(socket.address, destination)) return true;
  return wildcards.has(socket.address) && (socket.family === familyOf(destination) || socket.dual);
};

/** The listening socket a packet meets, in words. */
export const listeningSocket = (netns: Netns, packet: Packet): string | undefined => {
  const socket = netns.sockets.find((candidate) => accepts(candidate, packet));
  return socket && `${socket.protocol} ${hostPort(socket.address, socket.port)}${socket.process === undefined ? '' : ` ${socket.process}`}`;
};
