import { execa } from 'execa';
import { kubeconfigPath } from './state.ts';

export type Manifest = Readonly<Record<string, unknown>>;

/** Runs the lab's own kubectl, which buildParts() put first in the PATH. */
export const kubectl = async (lab: string, args: readonly string[], input = ''): Promise<string> =>
  (await execa('kubectl', args, { input, env: { KUBECONFIG: kubeconfigPath(lab) } })).stdout;

export const apply = async (lab: string, manifests: readonly Manifest[]): Promise<void> => {
  await kubectl(lab, ['apply', '--server-side', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }));
};
