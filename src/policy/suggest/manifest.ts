import { stringify } from 'yaml';
import type { ApiObject } from '../../cluster/facts.ts';

/** Objects as `kubectl apply -f -` takes them. */
export const manifestText = (objects: readonly ApiObject[]): string =>
  objects.map((object) => stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 })).join('---\n');
