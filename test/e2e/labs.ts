import type { LabOptions } from '../lab/options.ts';

/** One cluster `make test` brings up, and what is asked of it. */
export interface LabRun {
  options: Partial<LabOptions> & { name: string };
  /** Test files; all when absent. */
  files?: string[];
}

const USUAL = ['test/e2e/healthy.test.ts', 'test/e2e/veth.test.ts', 'test/e2e/cases.test.ts'];

const NETWORK = [...USUAL, 'test/e2e/faults.test.ts'];

/** Every way to lose a packet, now and then, and on busy nodes: once, where both address families are, in place of the faults, of which it asks more. */
const LOSSES = ['test/e2e/drop-table.test.ts', 'test/e2e/intermittent.test.ts', 'test/e2e/busy.test.ts'];

/** What a plugin that enforces policies does otherwise than the rest: how pods are connected, and what denies. */
const ENFORCING = ['test/e2e/healthy.test.ts', 'test/e2e/veth.test.ts', 'test/e2e/policy.test.ts', 'test/e2e/policy-incidents.test.ts'];

/** The first runs all but those; the others what depends on the network's make-up. */
export const labRuns: LabRun[] = [
  { options: { name: 'e2e', nodes: 3, backend: 'vxlan', proxy: 'iptables', ip: '4' } },
  { options: { name: 'e2e-dual', nodes: 2, backend: 'vxlan', proxy: 'nftables', ip: 'dual' }, files: [...USUAL, ...LOSSES] },
  { options: { name: 'e2e-routed', nodes: 2, backend: 'vxlan-directrouting', proxy: 'iptables', ip: '6', subnets: 'routed' }, files: NETWORK },
  { options: { name: 'e2e-hostgw', nodes: 2, backend: 'host-gw', proxy: 'nftables', ip: '4' }, files: NETWORK },
  {
    options: { name: 'e2e-bridge', nodes: 2, backend: 'bridge', proxy: 'iptables', ip: '4' },
    files: ['test/e2e/healthy.test.ts', 'test/e2e/veth.test.ts'],
  },
  { options: { name: 'e2e-felix', nodes: 2, backend: 'felix', proxy: 'iptables', ip: 'dual' }, files: ENFORCING },
];

/** Apart from the others, as its parts are large: `make test-cilium`. */
export const ciliumRun: LabRun = { options: { name: 'e2e-cilium', nodes: 2, backend: 'cilium', proxy: 'iptables', ip: '4' }, files: ENFORCING };
