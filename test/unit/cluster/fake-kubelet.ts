import type { V1ContainerState, V1Pod } from '@kubernetes/client-node';
import { type Call, type Handler, type Reply, status } from './fake-api.ts';

interface Setup {
  /** State of a pod's container, asked at each look at it. */
  state?: (pod: V1Pod) => V1ContainerState;
  /** Verdict on a creation; dry runs too. */
  admit?: (pod: V1Pod, dryRun: boolean) => Reply | undefined;
  /** `verb resource/subresource` that a review denies. */
  denied?: string[];
  refuseDelete?: boolean;
}

export interface FakeKubelet {
  answer: Handler;
  pods: Map<string, V1Pod>;
  created: V1Pod[];
  deleted: string[];
}

const AGENTS = /^\/api\/v1\/namespaces\/([^/]+)\/pods$/;
const AGENT = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)$/;

/** The part of a cluster that agents meet: pods that are made, looked at and deleted, and the reviews before. */
export const fakeKubelet = ({ state = () => ({ running: {} }), admit, denied = [], refuseDelete = false }: Setup = {}): FakeKubelet => {
  const pods = new Map<string, V1Pod>();
  const created: V1Pod[] = [];
  const deleted: string[] = [];

  const look = (pod: V1Pod): V1Pod => {
    const now = state(pod);
    const phase = now.terminated ? 'Failed' : now.running ? 'Running' : 'Pending';
    return {
      ...pod,
      status: {
        ...pod.status,
        phase: pod.status?.phase ?? phase,
        containerStatuses: [{ name: 'agent', state: now, ready: true, restartCount: 0, image: '', imageID: '' }],
      },
    };
  };

  const create = (call: Call): Reply => {
    const pod = call.body as V1Pod;
    const dryRun = call.query.get('dryRun') === 'All';
    const refusal = admit?.(pod, dryRun);
    if (refusal) return refusal;
    if (!dryRun) {
      created.push(pod);
      pods.set(pod.metadata?.name ?? '', pod);
    }
    return { status: 201, body: pod };
  };

  const review = (call: Call): Reply => {
    const { resourceAttributes: right } = (call.body as { spec: { resourceAttributes: { verb: string; resource: string; subresource?: string } } })
      .spec;
    const name = `${right.verb} ${right.resource}${right.subresource ? `/${right.subresource}` : ''}`;
    return { status: 201, body: { status: { allowed: !denied.includes(name) } } };
  };

  const answer: Handler = (call) => {
    if (call.path.endsWith('/selfsubjectreviews')) return { status: 201, body: { status: { userInfo: { username: 'alice' } } } };
    if (call.path.endsWith('/selfsubjectaccessreviews')) return review(call);
    if (call.method === 'POST' && AGENTS.test(call.path)) return create(call);
    if (call.method === 'GET' && (AGENTS.test(call.path) || call.path === '/api/v1/pods')) return { body: { items: [...pods.values()].map(look) } };
    const [, , name = ''] = AGENT.exec(call.path) ?? [];
    if (call.method !== 'DELETE' || !pods.has(name)) return status(404, 'NotFound', `pods "${name}" not found`);
    if (refuseDelete) return status(500, 'InternalError', 'etcd is away');
    pods.delete(name);
    deleted.push(`${name}?${call.query}`);
    return { body: {} };
  };
  return { answer, pods, created, deleted };
};
