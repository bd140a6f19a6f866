import { join } from 'node:path';
import { execa } from 'execa';
import type { Lab } from './handle.ts';
import { findPod, inNetns } from './pods.ts';

const CHAINS = 2_000;
const RULES_PER_CHAIN = 9;

/** As many rules as kube-proxy writes for two thousand Services, in the table that only first packets meet. */
export const bulkRules = async (lab: Lab, node: string): Promise<() => Promise<void>> => {
  const chains = Array.from({ length: CHAINS }, (_, index) => index);
  const address = (index: number): string => `198.18.${index >> 8}.${index & 255}`;
  const lines = [
    '*nat',
    ':LAB-SERVICES - [0:0]',
    ...chains.map((index) => `:LAB-SVC-${index} - [0:0]`),
    ...chains.flatMap((index) => [
      `-A LAB-SERVICES -d ${address(index)}/32 -p tcp -m tcp --dport 80 -j LAB-SVC-${index}`,
      ...Array.from({ length: RULES_PER_CHAIN }, (_, rule) => `-A LAB-SVC-${index} -s 198.19.${rule}.0/24 -j RETURN`),
    ]),
    '-A PREROUTING -j LAB-SERVICES',
    'COMMIT',
  ];
  await lab.nodeExec(node, ['iptables-nft-restore', '-w', '--noflush'], { input: `${lines.join('\n')}\n` });
  return async () => {
    const away = [
      '*nat',
      '-D PREROUTING -j LAB-SERVICES',
      '-F LAB-SERVICES',
      ...chains.flatMap((index) => [`-F LAB-SVC-${index}`, `-X LAB-SVC-${index}`]),
      '-X LAB-SERVICES',
      'COMMIT',
    ];
    await lab.nodeExec(node, ['iptables-nft-restore', '-w', '--noflush'], { input: `${away.join('\n')}\n` });
  };
};

export interface Traffic {
  /** Resolves when it is over, with the packets per second that were sent. */
  over: Promise<number>;
}

const SINK_PORT = 7777;

/** Datagrams from a pod of node1 to a pod of node2, past the same bridges, tunnel and hooks as the probes; it ends by itself after `seconds`. */
export const otherTraffic = async (lab: Lab, { rate, seconds }: { readonly rate: number; readonly seconds: number }): Promise<Traffic> => {
  const [from, to] = await Promise.all(['client-node1', 'client-node2'].map((name) => findPod(lab, name)));
  if (!from || !to) throw new Error('the lab has no clients');
  const sink = ['timeout', String(seconds + 2), 'socat', '-u', `UDP4-RECV:${SINK_PORT}`, '/dev/null'];
  const receiving = lab.nodeExec(to.node, [...inNetns(to.netns), ...sink], { reject: false });
  const blaster = [process.execPath, join(import.meta.dirname, 'blaster.ts'), to.ips[0] ?? '', String(SINK_PORT), String(rate), String(seconds)];
  // a machine has a /tmp of its own: this program may lie where it cannot see it, so that only the network namespace is entered
  const init = lab.machines.find(({ name }) => name === from.node)?.init;
  if (!init) throw new Error(`the lab has no ${from.node}`);
  const { stdout: netns } = await lab.nodeExec(from.node, ['readlink', '--canonicalize', from.netns]);
  const sending = execa('nsenter', [`--net=/proc/${init.pid}/root${netns}`, '--', ...blaster]);
  return { over: Promise.all([sending, receiving]).then(([{ stdout }]) => Number(stdout)) };
};
