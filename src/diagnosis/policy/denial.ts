import { refText } from '../../policy/model.ts';
import { manifestText } from '../../policy/suggest/manifest.ts';
import type { Suggestion } from '../../policy/suggest/suggest.ts';
import type { Doubt, Flow, Side, Step } from '../../policy/verdict.ts';
import { listText, outcomeText, packetText, placeText, policiesOf, reasonText } from '../../policy/words.ts';
import type { Draft } from '../cause.ts';

/** A flow that one end's policies deny. */
export interface Denial {
  flow: Flow;
  side: Side;
  doubts: readonly Doubt[];
  suggestion: Suggestion;
  /** What to ask to get the suggestion as YAML: `shop/web-0 shop/db-0 --port 80`. */
  asked: string;
}

/** `NetworkPolicy shop/deny-all`, or as many as it takes. */
export const deniers = ({ reason }: Pick<Side, 'reason'>): string => listText([...new Set(policiesOf(reason).map(refText))]);

const way = ({ direction }: Side): string => (direction === 'ingress' ? 'coming in' : 'going out');

/** `NetworkPolicy shop/db ingress[0] peer 0: no match: port 8080 ≠ 80` */
const stepLine = (step: Step): string => {
  const place = placeText(step);
  return `${refText(step.policy)}${place === '-' ? '' : ` ${place}`}: ${outcomeText(step)}`;
};

/** What of the denial reads as a sentence; a long trail is cut, nearest misses first. */
const MOST_STEPS = 8;

const near: Record<string, number> = { port: 0, 'named-port': 1, protocol: 2, family: 3, peer: 4, elsewhere: 4, subject: 5, 'no-rules': 6 };

export const trail = ({ steps }: Side): string[] => {
  const said = steps.filter(({ outcome }) => outcome !== 'not-enforced');
  const sorted = [...said].sort((a, b) => (near[a.why?.kind ?? ''] ?? -1) - (near[b.why?.kind ?? ''] ?? -1));
  const rest = sorted.length - MOST_STEPS;
  return [...sorted.slice(0, MOST_STEPS).map(stepLine), ...(rest > 0 ? [`${rest} more policies select it and do not match`] : [])];
};

/** The fix is the smallest policy that allows it, or the word that none can. */
export const remedy = ({ suggestion, asked }: Pick<Denial, 'suggestion' | 'asked'>): Pick<Draft, 'fix' | 'manifest' | 'notes'> =>
  'impossible' in suggestion
    ? { fix: [`No policy that is added can allow it: ${suggestion.impossible}.`], notes: [] }
    : {
        fix: [
          'If it should be allowed, this is the smallest policy that does so:',
          `$ kubectl netdoctor policy ${asked} --suggest | kubectl apply -f -`,
        ],
        manifest: manifestText(suggestion.objects),
        notes: suggestion.notes,
      };

export const OPEN_CONNECTIONS =
  'A policy judges new connections: one that was open before it came goes on, so that a running ping or download proves nothing.';

/** The finding that a policy denies it, from the policies alone. */
export const denialDraft = (denial: Denial): Draft => {
  const { flow, side, doubts } = denial;
  const { fix, manifest, notes } = remedy(denial);
  return {
    severity: 'problem',
    confidence: 'likely',
    title: `${deniers(side) || 'A policy'} ${policiesOf(side.reason).length > 1 ? 'deny' : 'denies'} ${flow.from.label} → ${flow.to.label} ${packetText(flow)}, ${way(side)}.`,
    evidence: [`${side.subject}: ${reasonText(side.reason, side.verdict)}`, ...trail(side)],
    fix,
    ...(manifest === undefined ? {} : { manifest }),
    notes: [...notes, ...doubts.map(({ text }) => text), OPEN_CONNECTIONS],
  };
};
