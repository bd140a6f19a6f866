import { join } from 'node:path';
import { machineDirectory } from './machine.ts';
import type { LabPlan } from './plan.ts';
import type { Services } from './services.ts';
import { writeAtomically } from './state.ts';

export const externalName = 'ext1.example';

/** The outside world of a lab: one name server that knows one name, and something that answers on TCP, UDP and HTTP. */
export const writeExternalHost = async (plan: LabPlan): Promise<Services> => {
  const { external, options } = plan;
  const corefile = join(machineDirectory(options.name, external.name), 'Corefile');
  const records = Object.values(external.address).map((address) => `      ${address} ${externalName}`);
  await writeAtomically(corefile, `.:53 {\n    hosts {\n${records.join('\n')}\n    }\n}\n`, 0o644);
  return {
    'name-server': ['coredns', '-conf', corefile],
    responder: ['responder', 'serve', 'http:80', 'http:8080', 'tcp:27017', 'udp:9999'],
  };
};
