import type { Protocol } from '../../cluster/facts.ts';
import { hostPort, parseAddress, textOf } from '../../forwarding/address.ts';
import type { Family } from '../../node/snapshot.ts';

/** A load balancer's address is an external one too: nodes do the same with both. */
export type FrontendKind = 'cluster IP' | 'external IP' | 'node port';

/** One address and port at which a node answers for a Service; a node port has the node's own addresses. */
export interface Frontend {
  kind: FrontendKind;
  family: Family;
  address?: string;
  port: number;
  protocol: Protocol;
}

/** One text for every way to write an address. */
export const canonical = (address: string): string => {
  const parsed = parseAddress(address);
  return parsed ? textOf(parsed.family, parsed.value) : address;
};

/** Under which rulesets are looked up: `10.96.0.10|udp|53`; a node port has no address. */
export const keyOf = ({ address, protocol, port }: Pick<Frontend, 'address' | 'protocol' | 'port'>): string =>
  `${address === undefined ? '' : canonical(address)}|${protocol}|${port}`;

/** `10.244.1.3:8080`, in one spelling. */
export const backendText = (address: string, port: number): string => hostPort(canonical(address), port);

/** `10.96.0.10:53`, `node port 30080` */
export const frontendText = ({ kind, address, port }: Frontend): string => (address === undefined ? `${kind} ${port}` : hostPort(address, port));
