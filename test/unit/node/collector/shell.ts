import { spawnSync } from 'node:child_process';
import { inner } from '../../../../src/node/collector/script.ts';
import { type RawSection, readFrames } from '../../../../src/node/raw.ts';

export interface Answer {
  stdout: string;
  stderr: string;
}

/** Runs shell text after the collector's functions, as they stand in a namespace; nothing of the collector itself runs. */
export const shell = (
  text: string,
  { args = [], input = '', env = {} }: { args?: string[]; input?: string; env?: Record<string, string> } = {},
): Answer => {
  const { stdout, stderr } = spawnSync('sh', ['-c', `${inner}\nshift\n${text}`, 'netdoctor', 'nothing', ...args], {
    input,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ND_MARK: 'm', ND_LIMIT: '1000', ND_REACH: 'pod', ND_NETNS: '', ND_GUARD: '', ND_POOR: '', ...env },
  });
  return { stdout, stderr };
};

export const sectionsOf = (text: string, options?: Parameters<typeof shell>[1]): RawSection[] => readFrames(shell(text, options).stdout, 'm');
