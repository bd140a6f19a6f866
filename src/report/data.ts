import { stringify } from 'yaml';
import type { Report } from './report.ts';

/** Version of the documents `-o json` and `-o yaml` print; docs/schema describes them. */
export const API_VERSION = 'netdoctor/v1alpha1';

const document = (report: Report): object => {
  const { kind, ...rest } = report;
  return { apiVersion: API_VERSION, kind, ...rest };
};

/** Escapes need no help here: JSON and YAML both quote control characters. */
export const renderJson = (report: Report): string => `${JSON.stringify(document(report), null, 2)}\n`;

export const renderYaml = (report: Report): string => stringify(JSON.parse(JSON.stringify(document(report))), { aliasDuplicateObjects: false });
