import type { V1Pod, V1SecurityContext } from '@kubernetes/client-node';
import { type Identity, MANAGED_BY, MANAGED_BY_LABEL, OWNER_ANNOTATION, PROCESS_ANNOTATION, randomSuffix, SESSION_LABEL } from './identity.ts';
import type { AgentOptions } from './options.ts';

export const AGENT_CONTAINER = 'agent';

/** Exit code of an agent that found that it cannot do its work with the rights it got. */
export const NOT_ENOUGH = 77;

/** Each with its reason in docs/agents.md; found by taking them away one by one. */
const CAPABILITIES = ['SYS_ADMIN', 'SYS_PTRACE', 'SYS_CHROOT', 'NET_ADMIN', 'NET_RAW', 'DAC_READ_SEARCH', 'SETUID', 'SETGID', 'KILL'];

/**
 * Waits to be used. With hostPID it is not process 1, so the default action of TERM ends it at once. What an LSM or a policy took away shows
 * here, before anything is asked of it: the root of process 1 (ptrace access) and entering its network namespace.
 */
const COMMAND = `ls /proc/1/root/proc >/dev/null || exit ${NOT_ENOUGH}
if command -v nsenter >/dev/null; then nsenter -t 1 -n true || exit ${NOT_ENOUGH}; fi
exec sleep "$0"`;

const securityContext = (privileged: boolean): V1SecurityContext =>
  privileged
    ? { privileged: true, runAsUser: 0, runAsNonRoot: false }
    : {
        runAsUser: 0,
        runAsNonRoot: false,
        capabilities: { drop: ['ALL'], add: CAPABILITIES },
        seccompProfile: { type: 'RuntimeDefault' },
        // AppArmor's default profile and SELinux's container_t both forbid to look at processes outside
        appArmorProfile: { type: 'Unconfined' },
        seLinuxOptions: { type: 'spc_t' },
      };

/** The agent of one node. */
export const agentPod = (node: string, identity: Identity, options: AgentOptions, privileged: boolean): V1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `netdoctor-agent-${randomSuffix(8)}`,
    namespace: options.namespace,
    labels: { [MANAGED_BY_LABEL]: MANAGED_BY, 'app.kubernetes.io/name': 'netdoctor-agent', [SESSION_LABEL]: identity.session },
    annotations: { [OWNER_ANNOTATION]: identity.owner, [PROCESS_ANNOTATION]: identity.process },
  },
  spec: {
    nodeName: node,
    hostNetwork: true,
    hostPID: true,
    dnsPolicy: 'Default',
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    activeDeadlineSeconds: options.deadlineSeconds,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    tolerations: [{ operator: 'Exists' }],
    ...(options.pullSecrets?.length ? { imagePullSecrets: options.pullSecrets.map((name) => ({ name })) } : {}),
    containers: [
      {
        name: AGENT_CONTAINER,
        image: options.image,
        ...(options.pullPolicy ? { imagePullPolicy: options.pullPolicy } : {}),
        command: ['sh', '-c', COMMAND, String(options.deadlineSeconds)],
        terminationMessagePolicy: 'FallbackToLogsOnError',
        resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '512Mi' } },
        securityContext: securityContext(privileged),
      },
    ],
  },
});
