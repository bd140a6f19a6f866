import { isServed, objectReader } from '../../cluster/api/object-reader.ts';
import { CliError, EXIT } from '../../cluster/errors.ts';
import type { ApiObject } from '../../cluster/facts.ts';
import { countUnread } from '../../policy/manifest/check.ts';
import { podsToBe } from '../../policy/manifest/pods.ts';
import type { AgentFlags, ConnectionFlags, OutputFlags } from '../connection-options.ts';
import type { Context } from '../context.ts';
import type { Progress } from '../progress.ts';
import { type Session, withSession } from '../session.ts';
import { meansManifests, readManifests } from './files.ts';

/** A session, and what of its source nobody reads. */
export interface PolicySession extends Session {
  unread: string[];
}

type Flags = ConnectionFlags & AgentFlags & OutputFlags;

const unreadOf = (objects: readonly ApiObject[], from: string): string[] =>
  countUnread(objects, isServed).map(({ count, kind, apiVersion }) => `${count} ${kind} (${apiVersion}) in ${from}: this kind is not read`);

/** Another command's bundle holds what that needed. */
const foreign = ({ from }: Flags, { recorded }: Session): string[] =>
  from === undefined || recorded ? [] : [`pods, Services and policies that ${from} does not hold: it was recorded by another command`];

/** A cluster that exists only on paper. */
const manifestSession = async (from: string, namespace: string | undefined, context: Context): Promise<PolicySession> => {
  const objects = await readManifests([from], namespace ?? 'default', context);
  return {
    api: objectReader([...objects, ...podsToBe(objects)], { source: from }),
    open: async (requests) => requests.map(({ node }) => ({ node, closed: 'manifests have no nodes that could be entered' })),
    mark: 0,
    namespace: namespace ?? 'default',
    now: () => new Date(),
    thorough: true,
    unread: unreadOf(objects, from),
    save: async () => undefined,
    close: async () => undefined,
  };
};

/** Runs `work` on the cluster, on a bundle, or on manifests. */
export const withPolicySession = async <Answer>(
  flags: Flags,
  context: Context,
  progress: Progress,
  request: Record<string, unknown>,
  work: (session: PolicySession) => Promise<Answer>,
): Promise<Answer> => {
  const { from, save, namespace } = flags;
  if (from === undefined || !(await meansManifests(from)))
    return withSession(flags, context, progress, 'policy', request, (session) =>
      // a bundle answers narrow questions from whatever it holds, and wide ones only when it was asked them
      work({ ...session, thorough: save !== undefined, unread: foreign(flags, session) }),
    );
  if (save !== undefined) throw new CliError('error: --save keeps what a cluster said, and manifests are there already', EXIT.usage);
  return work(await manifestSession(from, namespace, context));
};
