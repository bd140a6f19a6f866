import { writeAll } from '../write.ts';
import { defineCommand } from './command.ts';

/** kubectl asks a plugin's own program for candidates, and finds it by this name. */
const FILE = 'kubectl_complete-netdoctor';

/** A log-in must not read what is typed at the prompt: its standard input is empty. */
const SHIM = `#!/bin/sh
# ${FILE}: kubectl (1.26 or newer) runs it from PATH to complete 'kubectl netdoctor …'.
exec kubectl netdoctor __complete "$@" </dev/null
`;

export const completionCommand = defineCommand<object>({
  usage: 'completion',
  summary: `Print the shell completion script ${FILE}`,
  examples: [
    [`kubectl netdoctor completion > ~/.krew/bin/${FILE}`, 'saved under this name, in any directory on PATH'],
    [`chmod +x ~/.krew/bin/${FILE}`, "and executable: kubectl's own completion now knows netdoctor"],
  ],
  run: async (_flags, context) => {
    await writeAll(context.stdout, SHIM);
    return 0;
  },
});
