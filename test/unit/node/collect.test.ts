import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { AgentError, type AgentSession, type RunOptions } from '../../../src/cluster/agent-session.ts';
import { type CollectRequest, collectNode } from '../../../src/node/collect.ts';

/** An agent that answers with what `say` makes of the run's mark. */
const agent = (
  say: (mark: string) => Buffer,
  reach: AgentSession['reach'] = 'node',
): { session: AgentSession; runs: RunOptions[]; scripts: string[] } => {
  const runs: RunOptions[] = [];
  const scripts: string[] = [];
  const run: AgentSession['run'] = async (script, options) => {
    runs.push(options);
    scripts.push(script);
    return { exitCode: 0, stdout: say(options.args?.[1] ?? ''), stderr: 'sh: nsenter: not found\n', durationMs: 1 };
  };
  return { session: { node: 'node1', reach, description: 'agent', run }, runs, scripts };
};

const links = (mark: string): string => `@${mark} begin links 7 node\n[]\n\n@${mark} end 0\n\n@${mark} close\n`;

const request: CollectRequest = { scope: 'full', pods: ['uid; rm -rf /'], addresses: ['fd00::1', '10.0.0.1'], namespaces: ['4026532001'] };

describe('collecting a node', () => {
  it('passes everything from the cluster as arguments', async () => {
    const { session, runs, scripts } = agent((mark) => Buffer.from(links(mark)));
    await collectNode(session, request);
    expect(runs[0]?.args?.slice(2)).to.deep.equal([
      '8388608',
      'node',
      'full',
      'pod:uid; rm -rf /',
      'ip:fd00:0000:0000:0000:0000:0000:0000:0001',
      'ip:10.0.0.1',
      'netns:4026532001',
    ]);
    expect(scripts[0]).not.to.include('uid; rm');
  });

  it('marks its frames differently each time', async () => {
    const { session, runs } = agent((mark) => Buffer.from(links(mark)));
    await collectNode(session, request);
    await collectNode(session, request);
    expect(runs[0]?.args?.[1]).to.match(/^[0-9a-f]{32}$/);
    expect(runs[0]?.args?.[1]).not.to.equal(runs[1]?.args?.[1]);
  });

  it('reads plain and compressed output alike', async () => {
    const plain = await collectNode(agent((mark) => Buffer.from(links(mark))).session, request);
    const packed = await collectNode(agent((mark) => gzipSync(links(mark))).session, request);
    expect(packed).to.deep.equal(plain);
    expect(packed.sections).to.deep.equal([{ name: 'links', netns: '7', tool: 'node', status: 0, text: '[]\n', stderr: '' }]);
  });

  it('keeps what came before the connection broke', async () => {
    const { session } = agent((mark) => gzipSync(links(mark) + links(mark)).subarray(0, -12));
    expect((await collectNode(session, request)).sections.at(0)?.name).to.equal('links');
  });

  it('says that nothing came, with the last words', async () => {
    const error = await collectNode(agent(() => Buffer.alloc(0)).session, request).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(AgentError);
    expect((error as AgentError).message).to.equal('failed to read node node1: the collector said nothing: sh: nsenter: not found');
  });

  it('knows whose namespace an ephemeral container is in', async () => {
    const raw = await collectNode(agent((mark) => Buffer.from(links(mark)), 'pod').session, { scope: 'full', pods: ['u'] });
    expect(raw).to.deep.include({ reach: 'pod', podUid: 'u' });
  });
});
