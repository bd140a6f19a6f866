import { CliError, EXIT } from '../cluster/errors.ts';

/** Reads --port. @throws CliError for what no port can be called */
export const portOf = (text: string | undefined): number | string | undefined => {
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text)) {
    // IANA service names, as Kubernetes takes them for ports (validation.IsValidPortName)
    if (!/^(?=.{1,15}$)[a-z0-9-]*[a-z][a-z0-9-]*$/.test(text))
      throw new CliError(`error: invalid argument "${text}" for "--port": a number from 1 to 65535 or a port's name is expected`, EXIT.usage);
    return text;
  }
  const port = Number(text);
  if (port < 1 || port > 65_535) throw new CliError(`error: invalid argument "${text}" for "--port": ports go from 1 to 65535`, EXIT.usage);
  return port;
};
