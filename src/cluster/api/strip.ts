/** Anything JSON. */
type Json = unknown;

/** Annotations that repeat a whole object, env values included. */
const COPIES = new Set(['kubectl.kubernetes.io/last-applied-configuration']);

const isObject = (value: Json): value is Record<string, Json> => typeof value === 'object' && value !== null && !Array.isArray(value);

const withoutCopies = (annotations: Json): Json =>
  isObject(annotations) ? Object.fromEntries(Object.entries(annotations).filter(([key]) => !COPIES.has(key))) : annotations;

/** Names of variables stay, values go: they are where people keep passwords. */
const envNames = (env: Json): Json => (Array.isArray(env) ? env.map((entry) => (isObject(entry) ? { name: entry.name } : entry)) : env);

const CONTAINER_LISTS = new Set(['containers', 'initContainers', 'ephemeralContainers']);

/** A command line is where people put passwords too, and nothing judges by it. */
const stripContainer = (container: Json): Json => {
  if (!isObject(container)) return container;
  const { command: _command, args: _args, ...rest } = container;
  return 'env' in rest ? { ...rest, env: envNames(rest.env) } : rest;
};

/**
 * An API object without what a judgement never reads and a bundle must not carry: managedFields, applied copies, env values, command lines.
 * Done before anybody reads it, so that a live run judges exactly what a replay will.
 */
export const strip = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(strip);
  if (!isObject(value)) return value;
  const result: Record<string, Json> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'managedFields') continue;
    if (key === 'annotations') result[key] = withoutCopies(inner);
    else if (CONTAINER_LISTS.has(key) && Array.isArray(inner)) result[key] = inner.map((container) => strip(stripContainer(container)));
    else result[key] = strip(inner);
  }
  return result;
};
