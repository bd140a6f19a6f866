import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { kubeconfigPath, labDirectory, writeAtomically } from './state.ts';

interface Subject {
  readonly name: string;
  readonly commonName: string;
  readonly organization?: string;
  readonly altNames?: readonly string[];
}

export const pkiDirectory = (lab: string): string => join(labDirectory(lab), 'pki');

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '365'];

const openssl = (directory: string, args: readonly string[]) => execa('openssl', args, { cwd: directory });

const makeAuthority = async (directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await openssl(directory, ['req', '-x509', '-new', ...newKey, '-subj', '/CN=kubernetes', '-keyout', 'ca.key', '-out', 'ca.crt']);
  await openssl(directory, ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', 'sa.key']);
  await openssl(directory, ['pkey', '-in', 'sa.key', '-pubout', '-out', 'sa.pub']);
};

const makeCertificate = (directory: string, { name, commonName, organization, altNames }: Subject) =>
  openssl(directory, [
    ...['req', '-x509', '-new', ...newKey, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-keyout', `${name}.key`, '-out', `${name}.crt`],
    ...['-subj', `${organization ? `/O=${organization}` : ''}/CN=${commonName}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
    ...(altNames
      ? [
          '-addext',
          `subjectAltName=${altNames.map((altName) => (/[a-z]/.test(altName) && !altName.includes(':') ? `DNS:${altName}` : `IP:${altName}`)).join()}`,
        ]
      : []),
  ]);

/** Data in line instead of paths: these files are read on nodes, in pods and by people who copy them. */
export const kubeconfig = async (lab: string, server: string, user: string): Promise<string> => {
  const encoded = async (file: string) => (await readFile(join(pkiDirectory(lab), file))).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'kubernetes', cluster: { server, 'certificate-authority-data': await encoded('ca.crt') } }],
    users: [{ name: user, user: { 'client-certificate-data': await encoded(`${user}.crt`), 'client-key-data': await encoded(`${user}.key`) } }],
    contexts: [{ name: `${user}@kubernetes`, context: { cluster: 'kubernetes', user } }],
    'current-context': `${user}@kubernetes`,
  });
};

export const makeCertificates = async (
  lab: string,
  {
    server,
    serverNames,
    nodes,
  }: { server: string; serverNames: readonly string[]; nodes: readonly { readonly name: string; readonly addresses: readonly string[] }[] },
): Promise<void> => {
  const directory = pkiDirectory(lab);
  await makeAuthority(directory);
  const subjects: readonly Subject[] = [
    { name: 'apiserver', commonName: 'kube-apiserver', altNames: serverNames },
    { name: 'apiserver-kubelet-client', commonName: 'kube-apiserver-kubelet-client', organization: 'system:masters' },
    { name: 'controller-manager', commonName: 'system:kube-controller-manager' },
    { name: 'scheduler', commonName: 'system:kube-scheduler' },
    { name: 'admin', commonName: 'kubernetes-admin', organization: 'system:masters' },
    ...nodes.map(({ name, addresses }) => ({
      name,
      commonName: `system:node:${name}`,
      organization: 'system:nodes',
      altNames: [name, ...addresses],
    })),
  ];
  await Promise.all(subjects.map((subject) => makeCertificate(directory, subject)));
  for (const user of ['controller-manager', 'scheduler']) await writeAtomically(join(directory, `${user}.conf`), await kubeconfig(lab, server, user));
  await writeAtomically(kubeconfigPath(lab), await kubeconfig(lab, server, 'admin'));
};
