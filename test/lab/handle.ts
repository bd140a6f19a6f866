import { kubectl } from './kubectl.ts';
import { execIn, type Machine, type Output } from './machine.ts';
import { type LabPlan, planLab } from './plan.ts';
import { isAlive } from './processes.ts';
import { kubeconfigPath, loadState } from './state.ts';
import { waitForTraffic } from './traffic.ts';

export interface ExecOptions {
  readonly input?: string;
  /** false returns a failed program's exit code instead of throwing. */
  readonly reject?: boolean;
}

type Exec = (argv: readonly string[], options?: ExecOptions) => Promise<Output>;

/** A running lab as tests and people hold it: its plan, its API and a way into each of its machines. */
export interface Lab {
  readonly name: string;
  readonly plan: LabPlan;
  readonly kubeconfig: string;
  readonly nodes: readonly string[];
  readonly machines: readonly Machine[];
  /** Runs a program in a node's network, mount, pid, UTS and IPC namespaces. */
  readonly nodeExec: (node: string, argv: readonly string[], options?: ExecOptions) => Promise<Output>;
  /** Runs a program where the nodes' links meet: the switch or router between them, which also holds the control plane. */
  readonly underlayExec: Exec;
  /** Runs a program on the host outside the cluster. */
  readonly externalExec: Exec;
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>;
  /** Returns once every node's client reaches servers on every node by address and a Service by name. */
  readonly waitUntilHealthy: () => Promise<void>;
}

export const openLab = async (name = 'dev'): Promise<Lab> => {
  const state = await loadState(name);
  if (!state) throw new Error(`no lab is named ${name}`);
  const plan = planLab(state.options, state.slot);
  const machine = (wanted: string): Machine => {
    const init = state.machines[wanted];
    if (!init) throw new Error(`lab ${name} has no machine ${wanted}`);
    return { name: wanted, init, path: state.path };
  };
  const exec = async (wanted: string, argv: readonly string[], options: ExecOptions = {}): Promise<Output> => {
    const found = machine(wanted);
    if (!(await isAlive(found.init))) throw new Error(`${wanted} of lab ${name} is not running`);
    return execIn(found, argv, options);
  };
  return {
    name,
    plan,
    kubeconfig: kubeconfigPath(name),
    nodes: plan.nodes.map((node) => node.name),
    machines: plan.nodes.map((node) => machine(node.name)),
    nodeExec: exec,
    underlayExec: (argv, options) => exec('underlay', argv, options),
    externalExec: (argv, options) => exec(plan.external.name, argv, options),
    kubectl: (args, input) => kubectl(name, args, input),
    waitUntilHealthy: () => waitForTraffic(plan),
  };
};
