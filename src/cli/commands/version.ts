import { VERSION } from '../../version.ts';
import { writeAll } from '../write.ts';
import { defineCommand } from './command.ts';

export const versionCommand = defineCommand<object>({
  usage: 'version',
  summary: 'Print the version',
  examples: [],
  run: async (_flags, context) => {
    await writeAll(context.stdout, `kubectl-netdoctor ${VERSION} (node ${process.version}, ${process.platform}/${process.arch})\n`);
    return 0;
  },
});
