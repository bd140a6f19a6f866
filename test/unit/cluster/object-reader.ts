import type { ApiReader } from '../../../src/cluster/api/reader.ts';
import { ApiError } from '../../../src/cluster/errors.ts';

interface Meta {
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

/** `api/v1/namespaces/demo/pods/web-0` and the like → collection, namespace, name. */
const parsePath = (path: string): { resource: string; namespace?: string; name?: string } => {
  const [, namespace, resource = '', name] = /namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
  if (resource) return { resource, ...(namespace ? { namespace } : {}), ...(name ? { name } : {}) };
  const [, plain = '', plainName] = /\/v1\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
  return { resource: plain, ...(plainName ? { name: plainName } : {}) };
};

const field = (object: Meta, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);

const labelMatches = (labels: Record<string, string>, selector: string): boolean =>
  selector.split(/,(?![^(]*\))/).every((term) => {
    const [, key = '', values] = /^(\S+) in \((.*)\)$/.exec(term) ?? [];
    if (values !== undefined) return values.split(',').includes(labels[key] ?? '');
    const [name = '', value] = term.split('=');
    return value === undefined ? name in labels : labels[name] === value;
  });

export interface ObjectReader extends ApiReader {
  /** `GET path?query` in the order asked. */
  asked: string[];
}

/**
 * A cluster made of objects by resource name (`pods`, `services`…), with the selectors that the real one knows.
 * @param refused paths that are forbidden
 */
export const objectReader = (objects: Record<string, Meta[]>, { refused = /^$/, hosts = {} as Record<string, string[]> } = {}): ObjectReader => {
  const asked: string[] = [];
  return {
    asked,
    lookup: async (host) => hosts[host] ?? [],
    get: async <Answer>(path: string, query: Record<string, string> = {}) => {
      asked.push(`${path}?${new URLSearchParams(query)}`);
      if (refused.test(path)) throw new ApiError(403, 'Forbidden', `${path} is forbidden`);
      const { resource, namespace, name } = parsePath(path);
      const all = (objects[resource] ?? []).filter((object) => namespace === undefined || object.metadata.namespace === namespace);
      if (name !== undefined) {
        const found = all.find((object) => object.metadata.name === name);
        if (!found) throw new ApiError(404, 'NotFound', `${resource} "${name}" not found`);
        return found as Answer;
      }
      const { fieldSelector, labelSelector } = query;
      const [key = '', value] = fieldSelector?.split('=') ?? [];
      const items = all
        .filter((object) => fieldSelector === undefined || field(object, key) === value)
        .filter((object) => labelSelector === undefined || labelMatches(object.metadata.labels ?? {}, labelSelector));
      return { items } as Answer;
    },
  };
};
