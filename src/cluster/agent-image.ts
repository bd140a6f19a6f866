import recipe from '../../images/agent/image.json' with { type: 'json' };

/** Set by the build (esbuild define) for a distribution that serves the image from its own registry. */
declare const NETDOCTOR_DEFAULT_IMAGE: string | undefined;

/** The image that images/agent builds, named in one place: images/agent/image.json. */
const DEFAULT_IMAGE = typeof NETDOCTOR_DEFAULT_IMAGE === 'string' ? NETDOCTOR_DEFAULT_IMAGE : `${recipe.name}:${recipe.tag}`;

/** --image, else NETDOCTOR_IMAGE, else the default. */
export const agentImage = (flag: string | undefined, env: NodeJS.ProcessEnv): string => flag || env.NETDOCTOR_IMAGE || DEFAULT_IMAGE;
