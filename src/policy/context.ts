import type { Prefix } from '../forwarding/address.ts';
import type { Traits } from './traits.ts';
import type { World } from './world.ts';

/** Everything of a pod or an address that some policy reads: two that agree in all of it are one to every policy. */
export interface Reads {
  readonly podLabels: Set<string>;
  readonly portNames: Set<string>;
  readonly prefixes: Map<string, Prefix>;
  /** Some policy tells service accounts apart. */
  serviceAccounts: boolean;
  /** Some policy tells the backends of Services apart. */
  services: boolean;
}

/** What reading a policy needs to know of the cluster, and what it leaves behind for whoever compares pods. */
export interface Context {
  readonly world: World;
  readonly traits: Traits;
  readonly reads: Reads;
}

export const contextOf = (world: World, traits: Traits): Context => ({
  world,
  traits,
  reads: { podLabels: new Set(), portNames: new Set(), prefixes: new Map(), serviceAccounts: false, services: false },
});
