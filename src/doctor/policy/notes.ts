import type { Engine } from '../../policy/engine.ts';
import { pathText } from '../../policy/field.ts';
import { refText } from '../../policy/model.ts';
import type { Enforcement } from '../../report/policy/reports.ts';

/** What of the policies could not be judged, and what was taken for granted. */
export const engineNotes = (engine: Engine, { plugin }: Enforcement): string[] => {
  const { unreadable, unjudged, world, traits } = engine;
  return [
    ...unreadable.map(
      ({ policy, problems }) => `${refText(policy)}: ${pathText(problems[0]?.path ?? [])}: ${problems[0]?.reason ?? 'not understood'}`,
    ),
    ...unjudged.map(({ count, kind, apiVersion }) => `${count} ${kind} (${apiVersion}): this kind is not judged`),
    ...(plugin === undefined && world.objects.length > 0
      ? ['which plugin enforces policies: none was recognised, so that the text of the APIs counts (--cni names one)']
      : []),
    ...(plugin !== undefined && traits.name === 'unknown'
      ? [`what ${plugin} enforces: it is not known here, so that the text of the APIs counts`]
      : []),
  ];
};
