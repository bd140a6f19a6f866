import type { AgentSession } from '../../cluster/agent-session.ts';

/** $1 the expression; prints libpcap's complaint, or nothing. */
const CHECK_SCRIPT = `
LC_ALL=C
export LC_ALL
command -v tcpdump >/dev/null 2>&1 || exit 0
tcpdump -i any -d -- "$1" </dev/null 2>&1 >/dev/null && exit 0
exit 1
`;

/** tcpdump's chatter before its complaint. */
const NOISE = /^(Warning|tcpdump: WARNING|tcpdump: data link type|tcpdump: verbose output)/;

/**
 * Why libpcap on this node does not take a pcap-filter(7) expression; undefined when it does. Brackets around a whole expression cannot be
 * broken out of then: what is valid by itself has none left open.
 */
export const filterProblem = async (session: AgentSession, expression: string): Promise<string | undefined> => {
  const { exitCode, stdout } = await session.run(CHECK_SCRIPT, { args: [expression], timeoutMs: 10_000 });
  if (exitCode === 0) return undefined;
  const lines = stdout
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '' && !NOISE.test(line));
  return (lines.at(-1) ?? 'it is not understood').replace(/^tcpdump: /, '').slice(0, 200);
};
