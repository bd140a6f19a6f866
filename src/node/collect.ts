import { randomBytes } from 'node:crypto';
import { constants, gunzipSync } from 'node:zlib';
import type { AgentSession } from '../cluster/agent-session.ts';
import { AgentError } from '../cluster/agent-session.ts';
import { collectorScript } from './collector/script.ts';
import { expandAddress } from './parse/address.ts';
import { type RawCollection, readFrames } from './raw.ts';

export interface CollectRequest {
  /** `attach`: where pods hang (links, routes, neighbours, FDB). `full`: everything. */
  scope: 'attach' | 'full';
  /** UIDs of pods whose namespaces are read to that scope; a static pod's is its kubernetes.io/config.hash annotation. */
  pods?: string[];
  /** Pod addresses: reads the namespaces that hold them, for a pod that no process and no runtime record leads to. */
  addresses?: string[];
  /** Namespace inodes. */
  namespaces?: string[];
  /** Read at least the links of every other namespace too. Without it only of those that no pod claims or that share an address. */
  all?: boolean;
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Bytes of one section. */
const SECTION_LIMIT = 8 * 1024 * 1024;

/** Output cut in the middle still unpacks up to there. */
const unpack = (output: Buffer): string =>
  (output[0] === 0x1f && output[1] === 0x8b ? gunzipSync(output, { finishFlush: constants.Z_SYNC_FLUSH }) : output).toString('utf8');

const wantedOf = ({ pods = [], addresses = [], namespaces = [], all }: CollectRequest): string[] => [
  ...pods.map((uid) => `pod:${uid}`),
  ...addresses.map((address) => `ip:${expandAddress(address)}`),
  ...namespaces.map((inode) => `netns:${inode}`),
  ...(all ? ['all:-'] : []),
];

/**
 * Reads one node (or, with pod reach, one pod's namespace) in one exec.
 * @throws AgentError when the way in broke, or nothing came back that the collector could have said
 */
export const collectNode = async (session: AgentSession, request: CollectRequest): Promise<RawCollection> => {
  const mark = randomBytes(16).toString('hex');
  const result = await session.run(collectorScript, {
    args: ['start', mark, `${SECTION_LIMIT}`, session.reach, request.scope, ...wantedOf(request)],
    timeoutMs: request.timeoutMs ?? 60_000,
    ...(request.signal ? { signal: request.signal } : {}),
  });
  const sections = readFrames(unpack(result.stdout), mark);
  if (sections.length === 0) {
    const said = result.stderr.trim().split('\n').at(-1) ?? '';
    throw new AgentError(session.node, 'lost', `failed to read node ${session.node}: the collector said nothing${said === '' ? '' : `: ${said}`}`);
  }
  const podUid = session.reach === 'pod' ? request.pods?.[0] : undefined;
  return { node: session.node, reach: session.reach, ...(podUid === undefined ? {} : { podUid }), sections };
};
