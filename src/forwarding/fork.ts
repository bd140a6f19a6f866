import type { RuleRef } from './hop.ts';

/** One way to go on where there is more than one. */
export interface Way {
  label: string;
  /** 0 to 1; absent where nobody can know. */
  share?: number;
  /** Does this way lead to the endpoint of a Service that is asked about? */
  reaches?: (endpoint: string) => boolean;
  /** What decides was not read, so nobody can follow it. */
  untold?: boolean;
}

/** A place where the kernel rolls dice, or where the snapshots do not say which way it goes. */
export interface Fork {
  /** `opaque`: a program or switch decides that no table tells about. `copies`: it goes all of these ways at once. */
  kind: 'chance' | 'unknown' | 'opaque' | 'copies';
  /** For what the dice are rolled anew. */
  per?: 'packet' | 'connection' | 'client';
  what: string;
  /** The rule in question. */
  by?: RuleRef;
  /** At least two. */
  ways: Way[];
}

export interface Taken {
  fork: Fork;
  way: number;
  /** Hops known when it came up. */
  hops: number;
}

/** What a run needs to decide and to remember it. */
export interface Decider {
  /** Ways to take, in the order forks come up; beyond it the preferred one. */
  script: readonly number[];
  taken: Taken[];
  hops: readonly unknown[];
  options: { endpoint?: string };
}

/**
 * Which way this run takes. A walk is a plain function of its script: the tree of all ways comes from running it again with other scripts,
 * so nothing in the model has to know that there are others.
 */
export const choose = (decider: Decider, fork: Fork): number => {
  // the end is unknown already: trying both answers of everything else that is would say no more
  if (fork.kind === 'unknown' && !isUntold(fork) && decider.taken.some((taken) => isUntold(taken.fork)))
    return preferred(fork, decider.options.endpoint);
  const way = decider.script[decider.taken.length] ?? preferred(fork, decider.options.endpoint);
  decider.taken.push({ fork, way, hops: decider.hops.length });
  return way;
};

/** The endpoint asked for, else an endpoint at all, else the likelier way. */
const preferred = ({ ways }: Fork, endpoint: string | undefined): number => {
  const asked = endpoint === undefined ? -1 : ways.findIndex(({ reaches }) => reaches?.(endpoint) === true);
  if (asked >= 0) return asked;
  const others = ways.findIndex(({ reaches }) => reaches === undefined);
  if (endpoint !== undefined && others >= 0) return others;
  if (leadsToEndpoints({ ways })) return 0;
  return ways.reduce((best, { share = 0 }, at) => (share >= (ways[best]?.share ?? 0) && share > 0 ? at : best), 0);
};

/** Part of what decides here was not read. */
export const isUntold = ({ ways }: Pick<Fork, 'ways'>): boolean => ways.some(({ untold }) => untold === true);

/** One of the endpoints of a Service, all of which serve alike as a rule. */
export const leadsToEndpoints = ({ ways }: Pick<Fork, 'ways'>): boolean => ways.some(({ reaches }) => reaches !== undefined);
