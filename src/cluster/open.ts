import { type ApiClient, createClient } from './api/client.ts';
import { createReader, type RecordingReader } from './api/reader.ts';
import { connect } from './kubeconfig/connection.ts';
import type { ConnectionOptions } from './kubeconfig/options.ts';

/** A cluster that is ready to be asked. */
export interface Cluster {
  client: ApiClient;
  reader: RecordingReader;
  /** Namespace of names without one. */
  namespace: string;
  /** Lets the process end. */
  close: () => void;
}

/** @throws CliError worded as kubectl words it; nothing has been asked of the server yet */
export const openCluster = async (options: ConnectionOptions, env: NodeJS.ProcessEnv): Promise<Cluster> => {
  const connection = await connect(options, env);
  const client = createClient(connection);
  return { client, reader: createReader(client), namespace: connection.namespace, close: connection.close };
};
