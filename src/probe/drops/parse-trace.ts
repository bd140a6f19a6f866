/** A packet handed to a device (net:net_dev_queue) or taken from one (net:netif_receive_skb). */
export interface DeviceEvent {
  kind: 'queue' | 'receive';
  /** Seconds on the monotonic clock. */
  time: number;
  /** Address of the packet's buffer, as printed: a name for as long as the packet lives, and another's soon after. */
  skb: string;
  /** Number of the processor. */
  cpu: string;
  device: string;
  /** skb->len: with the Ethernet header where a device that has one is given the packet, without where it comes from one. */
  length: number;
}

/** skb:kfree_skb, with the call stack its trigger left. */
export interface FreeEvent {
  kind: 'free';
  time: number;
  skb: string;
  /** Number of the processor. */
  cpu: string;
  /** Command name of the task that ran; in a softirq it has nothing to do with the packet. */
  task: string;
  /** Ethertype. */
  protocol: number;
  reason?: string;
  /** Kernel function, without offset; empty where the kernel prints only a number. */
  location: string;
  /** Innermost first, without the tracing itself. */
  stack: string[];
}

export interface Trace {
  /** In the order of the trace, which is that of time. */
  events: (DeviceEvent | FreeEvent)[];
  /** Pairs of the two clocks, seconds: `real` was read shortly before `mono`. */
  anchors: { mono: number; real: number }[];
  /** Overwritten in the ring buffer, or more than is told. */
  lostEvents: number;
}

/** `  socat-19992   [001] ..s1.   382.367642: netif_receive_skb: dev=ra skbaddr=…`; a task name may hold blanks and dashes. */
export const TRACE_LINE = /^\s*(.*)-\d+\s+\[(\d+)\]\s+\S+\s+(\d+\.\d+): (.*)$/;

const DEVICE = /^(net_dev_queue|netif_receive_skb): dev=(.*) skbaddr=(\S+) len=(\d+)/;
const FREE = /^kfree_skb: skbaddr=(\S+)/;
const ANCHOR = /^tracing_mark_write: netdoctor-anchor:(\d+\.\d+)/;

/** Frames of the trace event and of the functions that only free. */
const MACHINERY = /^(trace_event_raw_event_|__traceiter_|perf_trace_|kfree_skb|__kfree_skb|sk_skb_reason_drop|skb_release|consume_skb)/;

/** `reason: 12` of a kernel that has no name for it, or `0x20003` of a subsystem's own reasons. */
const reasonOf = (text: string, names: Map<string, string>): string | undefined => {
  const word = /reason: ?(\S+)/.exec(text)?.[1];
  return word === undefined ? undefined : (names.get(word) ?? word);
};

/** `location=nft_do_chain+0x3e8/0x610`; a bare or hashed pointer names nothing. */
const locationOf = (text: string): string => /location=([A-Za-z_][\w.]*)(?:\+0x| |$)/.exec(text)?.[1] ?? '';

/** `{ 12, "NETFILTER_DROP" }` of the event's print format: numbers differ between kernels, so only the running one's own list is right. */
const namesOf = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/\{ *(\d+), *"([A-Z0-9_]+)" *\}/g)].map(([, number = '', name = '']) => [number, name]));

/** What trace_print of trace-script.ts printed; a string says why there is no trace. */
export const parseTrace = (text: string): Trace | string => {
  const lines = text.split('\n');
  const untraced = lines.find((line) => line.startsWith('@untraced '));
  if (untraced !== undefined) return untraced.slice('@untraced '.length);
  const names = namesOf(lines.findLast((line) => line.startsWith('print fmt')) ?? '');
  const trace: Trace = { events: [], anchors: [], lostEvents: 0 };
  /** Last kfree_skb per CPU: its stack follows, with other CPUs' events in between. */
  const open = new Map<string, FreeEvent>();
  let stack: string[] | undefined;
  for (const line of lines) {
    if (line.startsWith(' => ')) {
      stack?.push(line.slice(4).trim());
      continue;
    }
    const lost = /^@lost (\d+)/.exec(line);
    if (lost) trace.lostEvents += Number(lost[1]);
    const [, task = '', cpu = '', stamp, what = ''] = TRACE_LINE.exec(line) ?? [];
    if (stamp === undefined) continue;
    const time = Number(stamp);
    stack = what.startsWith('<stack trace>') ? open.get(cpu)?.stack : undefined;
    if (stack) open.delete(cpu);
    const device = DEVICE.exec(what);
    const free = FREE.exec(what);
    const anchor = ANCHOR.exec(what);
    if (device) {
      const [, event, name = '', skb = '', length] = device;
      trace.events.push({ kind: event === 'net_dev_queue' ? 'queue' : 'receive', time, skb, cpu, device: name, length: Number(length) });
    } else if (free) {
      const reason = reasonOf(what, names);
      const event: FreeEvent = {
        kind: 'free',
        time,
        skb: free[1] ?? '',
        cpu,
        task: task.trim(),
        protocol: Number(/protocol=(\d+)/.exec(what)?.[1] ?? 0),
        ...(reason === undefined ? {} : { reason }),
        location: locationOf(what),
        stack: [],
      };
      trace.events.push(event);
      open.set(cpu, event);
    } else if (anchor) trace.anchors.push({ mono: time, real: Number(anchor[1]) });
  }
  for (const event of trace.events) if (event.kind === 'free') event.stack = event.stack.filter((name) => !MACHINERY.test(name));
  return trace;
};
