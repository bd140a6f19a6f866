import type { Lab } from '../handle.ts';
import { findPod } from '../pods.ts';
import { arrivals } from './arrivals.ts';
import { type Fault, onBridge, victim } from './fault.ts';
import { takeAway } from './take-away.ts';

const tc = (lab: Lab, argv: readonly string[]) => lab.nodeExec(victim.node, ['tc', ...argv]);

const PASS = 0xffffffff;
const SHOT = 2;

/** A classic BPF program that gives `SHOT` for what a capture expression matches, as tc takes it in direct-action mode (TC_ACT_* of linux/pkt_cls.h). */
const dropper = async (lab: Lab, expression: string): Promise<string> => {
  const { stdout } = await lab.nodeExec(victim.node, ['tcpdump', '-y', 'EN10MB', '-ddd', expression]);
  const verdicts = (line: string): string => line.replace(/^6 0 0 (\d+)$/, (_, length: string) => `6 0 0 ${length === '0' ? PASS : SHOT}`);
  return stdout.trim().split('\n').map(verdicts).join(',');
};

/** ARP and neighbour discovery pass: what fails is the traffic itself. */
const toPod = async (lab: Lab): Promise<string> => {
  const { ips } = await findPod(lab, victim.pod);
  return ips.map((address) => `(${address.includes(':') ? 'ip6' : 'ip'} dst host ${address})`).join(' or ');
};

const bpfDrop = async (lab: Lab, devices: readonly string[], direction: 'ingress' | 'egress'): Promise<void> => {
  const program = await dropper(lab, await toPod(lab));
  for (const device of devices) {
    await tc(lab, ['qdisc', 'add', 'dev', device, 'clsact']);
    await tc(lab, ['filter', 'add', 'dev', device, direction, 'protocol', 'all', 'prio', '7', 'bpf', 'bytecode', program, 'direct-action']);
  }
};

const removeFilters = async (lab: Lab, devices: readonly string[]): Promise<void> => {
  for (const device of devices) await takeAway(lab, victim.node, ['tc', 'qdisc', 'del', 'dev', device, 'clsact']);
};

const podDevice = async (lab: Lab): Promise<string> => (await findPod(lab, victim.pod)).hostInterface;

export const tcIngressDrop: Fault = {
  name: 'tc-ingress-drop',
  title: 'a BPF program at tc ingress drops what goes to the pod',
  appliesTo: onBridge,
  inject: async (lab) => bpfDrop(lab, await arrivals(lab), 'ingress'),
  undo: async (lab) => removeFilters(lab, await arrivals(lab)),
};

export const tcEgressDrop: Fault = {
  name: 'tc-egress-drop',
  title: "a BPF program at tc egress of the pod's link drops what goes to the pod",
  appliesTo: onBridge,
  inject: async (lab) => bpfDrop(lab, [await podDevice(lab)], 'egress'),
  undo: async (lab) => removeFilters(lab, [await podDevice(lab)]),
};

const nowhere = 'labnowhere';

/** As a plugin leaves it behind when the device it redirected to was taken down. */
export const tcRedirectNowhere: Fault = {
  name: 'tc-redirect-nowhere',
  title: 'a tc filter redirects what goes to the pod to a device that is down',
  appliesTo: onBridge,
  inject: async (lab) => {
    const { ips } = await findPod(lab, victim.pod);
    await lab.nodeExec(victim.node, ['ip', 'link', 'add', nowhere, 'type', 'veth', 'peer', 'name', `${nowhere}1`]);
    for (const device of await arrivals(lab)) {
      await tc(lab, ['qdisc', 'add', 'dev', device, 'clsact']);
      for (const [index, address] of ips.entries()) {
        const [protocol, match] = address.includes(':') ? ['ipv6', 'ip6'] : ['ip', 'ip'];
        const filter = [
          'filter',
          'add',
          'dev',
          device,
          'ingress',
          'protocol',
          protocol,
          'prio',
          `${7 + index}`,
          'u32',
          'match',
          match,
          'dst',
          address,
        ];
        await tc(lab, [...filter, 'action', 'mirred', 'egress', 'redirect', 'dev', nowhere]);
      }
    }
  },
  undo: async (lab) => {
    await removeFilters(lab, await arrivals(lab));
    await takeAway(lab, victim.node, ['ip', 'link', 'del', nowhere]);
  },
};

/** Only the traffic is queued there: ARP and neighbour discovery go past the class. */
const queue = (name: string, title: string, leaf: readonly string[]): Fault => ({
  name,
  title,
  appliesTo: onBridge,
  inject: async (lab) => {
    const { ips, hostInterface } = await findPod(lab, victim.pod);
    const on = ['dev', hostInterface];
    await tc(lab, ['qdisc', 'add', ...on, 'root', 'handle', '1:', 'htb']);
    await tc(lab, ['class', 'add', ...on, 'parent', '1:', 'classid', '1:1', 'htb', 'rate', '1gbit']);
    await tc(lab, ['qdisc', 'add', ...on, 'parent', '1:1', 'handle', '10:', ...leaf]);
    for (const [index, address] of ips.entries()) {
      const [protocol, match] = address.includes(':') ? ['ipv6', 'ip6'] : ['ip', 'ip'];
      await tc(lab, [
        'filter',
        'add',
        ...on,
        'protocol',
        protocol,
        'parent',
        '1:',
        'prio',
        `${index + 1}`,
        'u32',
        'match',
        match,
        'dst',
        address,
        'flowid',
        '1:1',
      ]);
    }
  },
  undo: async (lab) => {
    await takeAway(lab, victim.node, ['tc', 'qdisc', 'del', 'dev', await podDevice(lab), 'root']);
  },
});

export const queueFull = queue('queue-full', "the queue of the pod's link has room for nothing", ['pfifo', 'limit', '0']);

/** 512 bit/s let a small packet through now and then, a bucket smaller than any packet none. */
export const queueShaper = queue('queue-shaper', "a shaper on the pod's link takes no packet of this size", [
  'tbf',
  'rate',
  '1kbit',
  'burst',
  '40',
  'limit',
  '1',
]);
