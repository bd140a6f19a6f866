import type { NodeSnapshot, SectionProblem } from '../node/snapshot.ts';

/** Sections whose absence changes no answer on a node that does not use them: said only where something of theirs is in use. */
const describe = (node: string, problem: SectionProblem): string => {
  // the collector's own word for what a whole place lacks is a sentence already
  if (problem.section === 'host') return `node ${node}: ${problem.detail}`;
  const verb = { missing: 'not there', failed: 'failed', unparsed: 'not understood', truncated: 'cut off' }[problem.kind];
  return `node ${node}: ${problem.section} ${verb}${problem.detail === '' ? '' : `: ${problem.detail}`}`;
};

/** What could not be read of the nodes, one line for each thing, however many namespaces it happened in. */
export const describeProblems = (snapshots: NodeSnapshot[]): string[] => [
  ...new Set(snapshots.flatMap(({ node, problems }) => problems.map((problem) => describe(node, problem)))),
];
