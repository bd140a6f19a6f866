import { add, type Draft, single, tag } from './draft.ts';
import { addressesOf, devicesOf } from './pool.ts';

/** Filters on a device that send what they match out of another one. Drops need an action that not every kernel has. */
export const trafficControl = (draft: Draft, space: string): void => {
  const { random, families } = draft;
  const devices = devicesOf(draft, space).filter((device) => !device.includes('.'));
  const device = random.pick(devices);
  const [other = device] = random.some(
    devices.filter((name) => name !== device),
    1,
  );
  const kind = random.chance(0.7) ? 'clsact' : 'ingress';
  tag(draft, 'tc');
  add(draft, space, 'tc', `qdisc add dev ${device} ${kind}`);
  for (let left = random.int(1, 2); left > 0; left -= 1) {
    const family = random.pick(families);
    const side = kind === 'ingress' ? 'parent ffff:' : random.pick(['ingress', 'egress']);
    const [protocol, selector] = family === 4 ? ['ip', 'ip'] : ['ipv6', 'ip6'];
    const address = single(random.pick(addressesOf(draft, family)), family);
    // not into a device: what comes in again is mirrored again, and a few such copies are a storm
    const action = `mirred egress ${left === 1 && random.chance(0.3) ? 'mirror' : 'redirect'} dev ${other}`;
    add(
      draft,
      space,
      'tc',
      `filter add dev ${device} ${side} protocol ${protocol} prio ${10 * left} u32 match ${selector} ${random.pick(['dst', 'src'])} ${address} action ${action}`,
    );
  }
};
