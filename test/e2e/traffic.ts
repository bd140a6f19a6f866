import { kubectl, type Pod } from './cluster.ts';

/** Somebody's own traffic, that goes on until it is stopped. */
export interface OwnTraffic {
  stop: () => Promise<void>;
}

/** Asks a URL from a pod of the lab, again and again. */
export const askAgain = ({ metadata: { namespace, name } }: Pick<Pod, 'metadata'>, url: string): OwnTraffic => {
  let going = true;
  const loop = async (): Promise<void> => {
    while (going) await kubectl(['-n', namespace, 'exec', name, '--', 'responder', 'get', url]).catch(() => undefined);
  };
  const ended = loop();
  return {
    stop: async () => {
      going = false;
      await ended;
    },
  };
};

export const urlOf = ({ status, spec }: Pod): string => {
  const ip = status.podIP ?? '';
  return `http://${ip.includes(':') ? `[${ip}]` : ip}:${spec.containers[0]?.ports?.[0]?.containerPort ?? 80}`;
};
