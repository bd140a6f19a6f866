import type { Expected } from './expected.ts';
import type { Frontend } from './frontend.ts';
import type { KubeProxyMode } from './mode.ts';
import type { Programmed, ProxyRules } from './rules.ts';

/** How rules can differ from what the API asks for. */
export type ProxyFaultKind =
  /** The node has nothing for the frontend. */
  | 'absent'
  /** It refuses, though there are endpoints. */
  | 'closed'
  /** It has the rules, and nothing leads packets to them. */
  | 'unhooked'
  /** What comes from outside keeps its address, so that replies from other nodes miss this one. */
  | 'unmasked'
  /** Some or all connections meet a chain that translates nothing. */
  | 'hollow'
  /** An endpoint gets no connection. */
  | 'missing'
  /** Connections go to what is no endpoint. */
  | 'stale'
  /** Connections do not stay with one endpoint, as they should. */
  | 'affinity';

export interface ProxyFault {
  kind: ProxyFaultKind;
  frontend: Frontend;
  /** Backends it is about. */
  backends: string[];
  /** What stands on the node. */
  found?: Programmed;
  /** What is not there, in words. */
  detail: string[];
}

/** What a packet cannot survive, whatever else is right. */
export const isBreaking = ({ kind }: ProxyFault): boolean => kind !== 'missing' && kind !== 'affinity';

const wrongTargets = ({ required, allowed }: Expected, { targets }: Programmed): { missing: string[]; stale: string[] } => ({
  missing: required.filter((backend) => !targets.includes(backend)),
  stale: targets.filter((backend) => !allowed.includes(backend)),
});

const compareOne = (expected: Expected, rules: ProxyRules, mode: KubeProxyMode): ProxyFault[] => {
  const { frontend, verdict, required } = expected;
  const [found, ...others] = rules.lookup(frontend);
  const fault = (kind: ProxyFaultKind, backends: string[] = [], detail: string[] = []): ProxyFault => ({
    kind,
    frontend,
    backends,
    ...(found ? { found } : {}),
    detail,
  });
  if (!found) return verdict === 'either' ? [] : [fault('absent', required)];
  const unhooked = found.verdict === 'forward' ? rules.unhooked(frontend) : [];
  if (unhooked.length > 0) return [fault('unhooked', [], unhooked)];
  if (found.verdict !== 'forward') return verdict === 'forward' && required.length > 0 ? [fault('closed', required)] : [];
  const unmasked = frontend.kind === 'cluster IP' ? [] : rules.unmasked(frontend);
  const { missing, stale } = wrongTargets(expected, found);
  // where no endpoint is local IPVS uses the others
  const wrong = mode === 'ipvs' && verdict === 'drop' ? [] : stale;
  const empty = found.hollow.map((chain) => `chain ${chain} translates nothing`);
  const leaking = found.leaks === undefined || found.hollow.includes(found.leaks) ? [] : [`chain ${found.leaks} lets connections by untranslated`];
  const isBroken = required.length > 0 && found.leaks !== undefined;
  return [
    ...(wrong.length > 0 ? [fault('stale', wrong)] : []),
    ...others.flatMap((other) => {
      const left = wrongTargets(expected, other).stale;
      return left.length > 0 ? [{ ...fault('stale', left), found: other }] : [];
    }),
    ...(unmasked.length > 0 ? [fault('unmasked', [], unmasked)] : []),
    ...(isBroken ? [fault('hollow', missing, [...empty, ...leaking])] : []),
    ...(!isBroken && missing.length > 0 ? [fault('missing', missing, empty)] : []),
    ...(expected.affinity && !found.affinity && found.targets.length > 0 ? [fault('affinity')] : []),
  ];
};

/** Rules held against what the API asks for, frontend by frontend. */
export const compareRules = (expected: Expected[], rules: ProxyRules, mode: KubeProxyMode): ProxyFault[] =>
  expected.flatMap((one) => compareOne(one, rules, mode));
