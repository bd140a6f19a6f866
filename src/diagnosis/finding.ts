/** `certain`: the packet itself and one more source agree. `likely`: one strong source. `possible`: state that is wrong but not proven to matter. */
export type Confidence = 'certain' | 'likely' | 'possible';

/** One named cause. Renderers add nothing to it. */
export interface Finding {
  /** Stable: ND1xxx pod and attachment, ND2xxx node to node, ND3xxx node forwarding, ND4xxx Services and DNS, ND5xxx policy. */
  code: string;
  severity: 'problem' | 'warning';
  confidence: Confidence;
  /** One sentence with the names in it. */
  title: string;
  /** Where on the path: index into the forward hops, or a node/interface when off the path. */
  hop?: number;
  place?: { node?: string; interface?: string };
  evidence: string[];
  /** What to type or change, most direct first. A line that starts with `$ ` is a command. */
  fix: string[];
  /** YAML that the fix is about, printed as it is. */
  manifest?: string;
  /** Does not follow from it, though it may look so: "the Service VIP answers, which proves nothing". */
  notes: string[];
}
