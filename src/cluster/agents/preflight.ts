import { type ApiClient, apiPath } from '../api/client.ts';
import { ApiError, CliError, EXIT } from '../errors.ts';
import { type Identity, whoAmI } from './identity.ts';
import { agentPod } from './manifest.ts';
import type { AgentOptions } from './options.ts';

/** What startAgents needs to know before it creates anything. */
export interface Preflight {
  identity: Identity;
  privileged: boolean;
}

/** What agents need beyond creating pods, which the dry run asks. Servers before 1.35 ask `get` for an exec over a WebSocket, later ones `create`. */
const RIGHTS: { verb: string; resource: string; subresource?: string }[] = [
  { verb: 'list', resource: 'pods' },
  { verb: 'delete', resource: 'pods' },
  { verb: 'get', resource: 'pods', subresource: 'exec' },
  { verb: 'create', resource: 'pods', subresource: 'exec' },
];

interface AccessReview {
  status?: { allowed?: boolean };
}

const nameOf = ({ verb, resource, subresource }: (typeof RIGHTS)[number]): string => `${verb} ${resource}${subresource ? `/${subresource}` : ''}`;

const isAllowed = async (client: ApiClient, namespace: string, right: (typeof RIGHTS)[number]): Promise<boolean> => {
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: { namespace, ...right } } };
  const review = await client.request<AccessReview>('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { body });
  return review.status?.allowed ?? false;
};

const OTHER_WAYS = '--agent ephemeral looks from inside the pod only, without a pod of its own.';

/** Pod Security names each offending field in brackets; which rules are broken is enough. */
const brief = (detail: string): string =>
  (detail.includes('violates PodSecurity') ? detail.replace(/ \([^()]*(\([^()]*\)[^()]*)*\)/g, '') : detail).replace(
    /^pods "[^"]*" is forbidden: /,
    '',
  );

/** Server's words → which door to try instead; the first that matches. */
const ADVICE: [RegExp, (namespace: string) => string][] = [
  [/violates PodSecurity/, () => 'Use --agent-namespace with a namespace whose pod-security.kubernetes.io/enforce is privileged.'],
  [
    /exceeded quota|failed quota|(minimum|maximum) .* usage|is forbidden: \[/,
    () => 'Use --agent-namespace with a namespace whose quota and limits have room.',
  ],
  [/security context constraint/, (namespace) => `Allow the default service account of ${namespace} the privileged security context constraint.`],
  [/namespaces "[^"]*" not found/, () => 'Use --agent-namespace with a namespace that exists.'],
  [/./, () => 'Ask for the rights in docs/rbac.yaml, or try another namespace with --agent-namespace.'],
];

/** Which door was shut, and which one to try. */
export const refusalOf = (namespace: string, detail: string): CliError => {
  const advice = ADVICE.find(([pattern]) => pattern.test(detail))?.[1](namespace) ?? '';
  return new CliError(`error: agent pods are refused in namespace ${namespace}: ${brief(detail)}\n${advice} ${OTHER_WAYS}`, EXIT.forbidden);
};

/** A creation that creates nothing: everything that could refuse the real one (RBAC, Pod Security, quota, webhooks) has its say. */
const dryRun = async (client: ApiClient, identity: Identity, options: AgentOptions, privileged: boolean): Promise<ApiError | undefined> => {
  try {
    const body = agentPod('netdoctor-dry-run', identity, options, privileged);
    await client.request('POST', apiPath('api/v1/namespaces', options.namespace, 'pods'), { query: { dryRun: 'All' }, body });
    return undefined;
  } catch (error) {
    // 4xx is a verdict on our pod; what else went wrong says nothing about it
    if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 401) return error;
    throw error;
  }
};

/** Capabilities first; a policy that lists allowed capabilities may refuse them and still take a privileged pod. */
const tryBoth = async (client: ApiClient, identity: Identity, options: AgentOptions): Promise<boolean> => {
  const first = await dryRun(client, identity, options, options.privileged ?? false);
  if (!first) return options.privileged ?? false;
  const isRbac = first.detail.includes('cannot create resource');
  if (options.privileged || isRbac || (await dryRun(client, identity, options, true))) throw refusalOf(options.namespace, first.detail);
  return true;
};

/**
 * May agents be made and used? Asks everything at the same time and creates nothing, so it can run while names are still being looked up.
 * @throws CliError in two lines: what is refused, and the way out
 */
export const preflight = async (client: ApiClient, options: AgentOptions): Promise<Preflight> => {
  const asked = { session: 'dry-run', owner: 'dry-run', process: 'dry-run' };
  const [identity, privileged, ...allowed] = await Promise.all([
    whoAmI(client),
    tryBoth(client, asked, options),
    ...RIGHTS.map((right) => isAllowed(client, options.namespace, right)),
  ]);
  const denied = RIGHTS.filter((_, index) => !allowed[index]);
  if (denied.length > 0) throw refusalOf(options.namespace, `you may not ${denied.map(nameOf).join(', ')}`);
  return { identity, privileged };
};
