import { captureCommand } from './capture.ts';
import { cleanupCommand } from './cleanup.ts';
import type { AnyCommand } from './command.ts';
import { completionCommand } from './completion.ts';
import { dropsCommand } from './drops.ts';
import { explainCommand } from './explain.ts';
import { pathCommand } from './path.ts';
import { policyCommand } from './policy.ts';
import { versionCommand } from './version.ts';
import { vethCommand } from './veth.ts';

/** In the order in which help lists them. */
export const commands: AnyCommand[] = [
  pathCommand,
  policyCommand,
  captureCommand,
  dropsCommand,
  vethCommand,
  explainCommand,
  cleanupCommand,
  completionCommand,
  versionCommand,
];
