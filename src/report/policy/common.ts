import { traitsOf } from '../../policy/traits.ts';
import { type Canvas, mark, paint, plain } from '../canvas.ts';
import { escapeLine } from '../escape.ts';
import { wrapText } from '../table.ts';
import type { Enforcement } from './reports.ts';

/** Text of the cluster, fit for this reader. */
export const say = (canvas: Canvas, text: string): string => plain(canvas, escapeLine(text));

/** `policies enforced by calico (DaemonSet kube-system/calico-node)` */
export const enforcementLine = ({ plugin, signs }: Enforcement, canvas: Canvas): string => {
  const by =
    plugin === undefined
      ? 'who enforces policies here is not known'
      : traitsOf(plugin).enforces.size === 0
        ? `${plugin} enforces no policies`
        : `policies enforced by ${plugin}`;
  return paint(canvas, 'dim', wrapText(say(canvas, signs.length > 0 ? `${by} (${signs.join(', ')})` : by), canvas, ''));
};

type Kind = 'good' | 'bad' | 'warn';

const INK = { good: 'green', bad: 'red', warn: 'yellow' } as const;

/** The one line a reader in a hurry looks for. */
export const verdictLine = (kind: Kind, text: string, canvas: Canvas): string =>
  paint(canvas, ['bold', INK[kind]], wrapText(say(canvas, `${mark(canvas, kind)} ${text}`), canvas, '', '  '));

export const head = (text: string, canvas: Canvas): string => paint(canvas, 'bold', wrapText(say(canvas, text), canvas, ''));

export const sections = (parts: string[]): string => `${parts.filter((part) => part !== '').join('\n\n')}\n`;

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
