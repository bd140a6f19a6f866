import { expect } from 'chai';
import { execa } from 'execa';
import { parseTrace, type Trace } from '../../../src/probe/drops/parse-trace.ts';
import { TRACE_FUNCTIONS } from '../../../src/probe/drops/trace-script.ts';

const ANCHOR = '  sh-1   [000] .....     1.000000: tracing_mark_write: netdoctor-anchor:1000.0';

const stamp = (micros: number): string => (1 + micros / 1e6).toFixed(6);

const passes = (skb: string, device: string, micros: number): string =>
  `  ping-7   [001] ..s1.     ${stamp(micros)}: netif_receive_skb: dev=${device} skbaddr=${skb} len=84`;

const freed = (skb: string, micros: number): string[] => [
  `  ping-7   [001] ..s2.     ${stamp(micros)}: kfree_skb: skbaddr=${skb} protocol=2048 location=nf_hook_slow+0x1/0x2 reason: NETFILTER_DROP`,
  `  ping-7   [001] ..s2.     ${stamp(micros + 1)}: <stack trace>`,
  ' => nf_hook_slow',
  ' => ip_forward',
];

/** What a node with room for so many bytes tells of a trace, as it is understood. */
const sift = async (room: number, lines: string[]): Promise<Trace> => {
  const { stdout } = await execa('sh', ['-c', `${TRACE_FUNCTIONS}\ntrace_sift "$1"`, 'sh', String(room)], { input: `${lines.join('\n')}\n` });
  const trace = parseTrace(`${ANCHOR}\n${stdout}\n@lost 3\nprint fmt: ""`);
  if (typeof trace === 'string') throw new Error(trace);
  return trace;
};

/** Two thousand packets of others, one of ours that is dropped in their midst, and one that was on no device. */
const busy = [
  ...Array.from({ length: 1000 }, (_, index) => passes(`0xa${index}`, 'eth0', index)),
  passes('0xbeef', 'eth0', 1000),
  passes('0xbeef', 'flannel.1', 1001),
  passes('0xbeef', 'cni0', 1002),
  ...Array.from({ length: 1000 }, (_, index) => passes(`0xb${index}`, 'eth0', 1003 + index)),
  ...freed('0xbeef', 2010),
  ...freed('0xdead', 2020),
];

describe('what a node tells of a long trace', () => {
  it('is all of it that was on a device, where there is room', async () => {
    const { events, lostEvents } = await sift(1_000_000, busy);
    expect(events).to.have.length(2004);
    expect(lostEvents).to.equal(3);
  });

  it('is the last two places of what is dropped where there is none, and nothing of it is lost', async () => {
    const { events, lostEvents } = await sift(5_000, busy);
    expect(events.length).to.be.below(100);
    const ours = events.filter(({ skb }) => skb === '0xbeef');
    expect(ours.map((event) => (event.kind === 'free' ? event.stack.join() : event.device))).to.deep.equal([
      'flannel.1',
      'cni0',
      'nf_hook_slow,ip_forward',
    ]);
    expect(lostEvents).to.equal(3);
  });

  it('says how much of the drops themselves has no room', async () => {
    const drops = Array.from({ length: 100 }, (_, index) => [passes(`0xc${index}`, 'eth0', 10 * index), ...freed(`0xc${index}`, 10 * index + 5)]);
    const { events, lostEvents } = await sift(2_000, drops.flat());
    expect(events.length).to.be.below(60);
    expect(lostEvents).to.be.greaterThan(300);
  });
});
