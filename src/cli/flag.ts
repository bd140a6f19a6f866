import type { Options, PositionalOptions } from 'yargs';

/** One thing the shell may complete a word to. */
export interface Candidate {
  value: string;
  meaning?: string;
}

/**
 * Where completion finds what a word may be: in the file system, the kubeconfig, the cluster, or here. `pod` is a word that stands for pods,
 * `end` one that may also be a node. A flag's `choices` need no mention.
 */
export type Values = 'file' | 'context' | 'cluster' | 'user' | 'namespace' | 'node' | 'pod' | 'end' | readonly Candidate[];

/** A flag, declared once for both the parser and completion. */
export interface Flag extends Options {
  values?: Values;
}

/** A word that is no flag, by the name its command's usage gives it. */
export interface Word extends PositionalOptions {
  values?: Values;
}

export type Flags = Readonly<Record<string, Flag>>;
