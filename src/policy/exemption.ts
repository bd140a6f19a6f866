import type { Direction } from './model.ts';
import type { Party } from './party.ts';
import type { Traits } from './traits.ts';

export interface Ends {
  direction: Direction;
  subject: Party;
  far: Party;
  /** It came back to its own pod by way of a Service. */
  hairpin: boolean;
}

/** Traffic on which the subject's policies do not act at all, and why. */
export const exemption = (traits: Traits, { direction, subject, far, hairpin }: Ends): string | undefined => {
  if (subject.kind === 'outside') return `policies of this cluster do not act on ${subject.label}`;
  const itself = subject.kind === 'pod' && far.kind === 'pod' && subject.label === far.label;
  if (itself && !hairpin) return 'what a pod sends to its own address never leaves it';
  if (itself && !traits.hairpinPoliced) return `${traits.name} does not police what comes back to its own pod by way of a Service`;
  const ownPod = subject.kind === 'node' && far.kind === 'pod' && far.nodeName !== undefined && far.nodeName === subject.nodeName;
  // cali-OUTPUT returns for the pods' interfaces, and what comes from them goes to cali-wl-to-host (felix/rules/static.go)
  if (ownPod && traits.pipeline === 'calico') return `host endpoints do not police what ${subject.label} and its own pods send each other`;
  const ownNode = subject.kind === 'pod' && far.kind === 'node' && far.nodeName !== undefined && far.nodeName === subject.nodeName;
  if (ownNode && direction === 'ingress' && traits.acceptsOwnNode) return `${subject.label} always accepts its own node`;
  if (ownNode && direction === 'egress' && traits.reachesOwnNode) return `${subject.label} may always send to its own node`;
  return undefined;
};
