import type { Netns } from '../../node/snapshot.ts';
import { fail, type Tool } from './change.ts';

/** `net/ipv4/conf/eth0.100/forwarding` and `net.ipv4.conf.eth0/100.forwarding` name one setting, whose interface keeps its own dots here. */
const nameFrom = (text: string): string => text.replaceAll('/', '.');

const switches = [
  // net/ipv4/devinet.c inet_forward_change
  {
    names: /^net\.ipv4\.(ip_forward|conf\.all\.forwarding)$/,
    also: ['net.ipv4.ip_forward', 'net.ipv4.conf.all.forwarding'],
    each: /^net\.ipv4\.conf\..+\.forwarding$/,
  },
  // net/ipv6/addrconf.c addrconf_fixup_forwarding
  { names: /^net\.ipv6\.conf\.all\.forwarding$/, also: [], each: /^net\.ipv6\.conf\..+\.forwarding$/ },
];

/** The settings after one is written: forwarding is written to every interface when it is written for all. */
export const written = (sysctls: Netns['sysctls'], name: string, value: string): Netns['sysctls'] => {
  const after = { ...sysctls, [name]: value };
  const all = switches.find(({ names }) => names.test(name));
  if (!all) return after;
  for (const one of [...all.also, ...Object.keys(sysctls).filter((known) => all.each.test(known))]) after[one] = value;
  return after;
};

/** `sysctl -w net.ipv4.ip_forward=1`, also without `-w`, and several at once. */
export const sysctl: Tool = (words, { netns }) => {
  const settings = words.filter((word) => !word.startsWith('-'));
  if (settings.length === 0) fail('sysctl without a NAME=VALUE changes nothing');
  let { sysctls } = netns;
  for (const setting of settings) {
    const [, name = '', value = ''] = /^([^=\s]+)\s*=\s*(.*)$/.exec(setting) ?? fail(`sysctl: ${setting} is no NAME=VALUE`);
    const full = nameFrom(name);
    if (!/^net\.(ipv4|ipv6|bridge|netfilter)\./.test(full)) fail(`sysctl: ${name} does not decide about packets`);
    sysctls = written(sysctls, full, value);
  }
  return [{ ...netns, sysctls }];
};
