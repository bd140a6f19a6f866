import { CliError, EXIT } from '../../cluster/errors.ts';
import { codes as known } from '../../diagnosis/codes.ts';
import { renderTable } from '../../report/table.ts';
import { canvasFor } from '../terminal.ts';
import { writeAll } from '../write.ts';
import { defineCommand } from './command.ts';

interface ExplainFlags {
  codes?: string[] | undefined;
}

export const explainCommand = defineCommand<ExplainFlags>({
  usage: 'explain [codes..]',
  summary: 'Say what a finding means; without a code, list them all',
  examples: [['kubectl netdoctor explain ND2101', 'one finding']],
  words: {
    codes: {
      type: 'string',
      array: true,
      values: known.map(({ code, summary }) => ({ value: code, meaning: summary })),
      describe: 'Codes as reports print them',
    },
  },
  run: async ({ codes = [] }, context) => {
    const wanted = codes.map((code) => {
      const found = known.find((one) => one.code === code.toUpperCase());
      if (!found) throw new CliError(`error: there is no finding "${code}": kubectl netdoctor explain lists them`, EXIT.usage);
      return found;
    });
    const rows = (wanted.length > 0 ? wanted : known).map(({ code, summary }) => [code, summary]);
    await writeAll(
      context.stdout,
      `${renderTable([{ head: 'CODE' }, { head: 'MEANING', shrinkTo: 30 }], rows, canvasFor(context.stdout, context.env, 'auto'))}\n`,
    );
    return 0;
  },
});
