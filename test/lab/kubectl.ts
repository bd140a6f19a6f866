import { join } from 'node:path';
import { execa } from 'execa';
import { kubeconfigPath, programsDirectory } from './state.ts';

export type Manifest = Readonly<Record<string, unknown>>;

/** Runs the lab's own kubectl, whatever the machine has. */
export const kubectl = async (lab: string, args: readonly string[], input = ''): Promise<string> =>
  (await execa(join(programsDirectory(lab), 'kubectl'), args, { input, env: { KUBECONFIG: kubeconfigPath(lab) } })).stdout;

export const apply = async (lab: string, manifests: readonly Manifest[]): Promise<void> => {
  await kubectl(lab, ['apply', '--server-side', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }));
};
