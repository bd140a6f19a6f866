import type { Lab } from '../handle.ts';

/** Words of iproute2, tc, iptables and nft (libmnl, extended acks) for what is not there. */
const NOT_THERE =
  /No such (file or directory|process|device)|Cannot find (device|specified)|Invalid handle|handle of zero|[Aa]ddress not found|Cannot assign requested address|Bad rule|No chain\/target\/match|does not exist/;

/**
 * Runs a program that takes away what a fault put there, and what may be gone already.
 * @throws Error when it failed for any other reason: the lab would stay broken without a word
 */
export const takeAway = async (lab: Lab, node: string, argv: readonly string[]): Promise<void> => {
  const { exitCode, stderr } = await lab.nodeExec(node, argv, { reject: false });
  if (exitCode !== 0 && !NOT_THERE.test(stderr)) throw new Error(`${argv.join(' ')} on ${node} failed (exit code ${exitCode}): ${stderr}`);
};

/** Runs a program that adds (`-I`, `-A`) or takes away (`-D`) a rule of iptables. */
export const changeRule = async (lab: Lab, node: string, argv: readonly string[]): Promise<void> => {
  if (argv.includes('-D')) await takeAway(lab, node, argv);
  else await lab.nodeExec(node, argv);
};
