import { type Programmed, rose } from '../../policy/programmed/programmed.ts';
import { culpritWords } from '../drops/culprit.ts';
import type { PacketEnd } from '../end.ts';

/** Chains that only enforcers of policies write. */
const POLICY_CHAINS = /^(filter-)?cali-|^KUBE-(POD-FW|NWPLCY|ROUTER)-|^KUBE-NWPLCY|^ANTREA-POL|^WEAVE-NPC|^AZURE-NPM/;

/** A packet may end there because of a policy: a chain of an enforcer's, its BPF program, a program that judges queued packets, or a firewall rule that nobody can name. */
export const isPolicyPlace = ({ stop }: PacketEnd): boolean => {
  if (stop.reason === 'tc' || stop.reason === 'verdict') return true;
  if (!['rule', 'policy', 'reject'].includes(stop.reason)) return false;
  const { chain } = stop.facts;
  return chain === undefined ? stop.decidedBy === undefined : POLICY_CHAINS.test(chain);
};

export const isInChain = ({ stop }: PacketEnd, { place }: Programmed): boolean => {
  const { chain } = stop.facts;
  return chain !== undefined && place.split(' ').includes(chain.replace(/^filter-/, ''));
};

/** `its counter rose by 5 while the probes ran (0 → 5)`; nothing where the rule has none. */
const counterWords = ({ counter }: Programmed): string[] => {
  if (!counter) return [];
  const { before, after } = counter;
  if (before === undefined) return after > 0 ? [`it has dropped ${after} packets so far`] : [];
  return [`its counter rose by ${rose(counter)} while the probes ran (${before} → ${after})`];
};

/** What the rule counted: exactly the probes, where the kernel told what it dropped there. */
export const countedWords = (end: PacketEnd | undefined, programmed: Programmed): string[] => {
  if (!end?.culprit || !isInChain(end, programmed)) return counterWords(programmed);
  const { attempts, request } = end.leg.probe;
  return [culpritWords(end.culprit, attempts.length, request.id)];
};

/** Whether the rule counted while the probes ran. */
export const hasCounted = ({ counter }: Programmed): boolean => counter?.before !== undefined && rose(counter) > 0;
