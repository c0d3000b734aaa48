/** A real etcd for the tests of the control. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { freePorts } from '../harness/ports.ts';
import { type Child, startChild } from '../harness/process.ts';
import { temporaryDirectory } from '../harness/temp.ts';

export interface EtcdOptions {
  readonly auth?: { readonly user: string; readonly password: string };
  readonly tls?: {
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
    readonly clientCert: string;
    readonly clientKey: string;
  };
}

export interface LocalEtcd {
  readonly url: string;
  readonly port: number;
  etcdctl(...args: string[]): string;
  put(key: string, value: string): void;
  kill9(): Promise<void>;
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export async function startEtcd(options: EtcdOptions = {}): Promise<LocalEtcd> {
  const [port = 0, peer = 0] = await freePorts(2);
  const folder = temporaryDirectory('etcd');
  const { tls, auth } = options;
  const scheme = tls === undefined ? 'http' : 'https';
  const url = `${scheme}://127.0.0.1:${port}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const tlsArgs =
    tls === undefined
      ? []
      : ['--cert-file', tls.cert, '--key-file', tls.key, '--client-cert-auth', '--trusted-ca-file', tls.ca];
  const ctlArgs = [
    ...['--endpoints', url, '--command-timeout', '5s'],
    ...(tls === undefined ? [] : ['--cacert', tls.ca, '--cert', tls.clientCert, '--key', tls.clientKey]),
  ];
  let login: string[] = [];
  const etcdctl = (...args: string[]): string =>
    execFileSync('etcdctl', [...ctlArgs, ...login, ...args], {
      encoding: 'utf8',
      env: { ...process.env, ETCDCTL_API: '3' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 10_000,
    });
  const boot = (): Promise<Child> =>
    startChild({
      name: 'etcd',
      command: 'etcd',
      args: [
        ...['--name', 'default', '--data-dir', join(folder, 'data'), '--log-level', 'error'],
        ...['--listen-client-urls', url, '--advertise-client-urls', url],
        ...[
          '--listen-peer-urls',
          peerUrl,
          '--initial-advertise-peer-urls',
          peerUrl,
          '--initial-cluster',
          `default=${peerUrl}`,
        ],
        ...tlsArgs,
      ],
      ready: async () => {
        etcdctl('endpoint', 'health');
        return true;
      },
    });
  let child = await boot();
  if (auth !== undefined) {
    etcdctl('user', 'add', `root:${auth.password}`);
    etcdctl('user', 'grant-role', 'root', 'root');
    if (auth.user !== 'root') etcdctl('user', 'add', `${auth.user}:${auth.password}`);
    etcdctl('auth', 'enable');
    login = ['--user', `root:${auth.password}`];
  }
  return {
    url,
    port,
    etcdctl,
    put: (key, value) => void etcdctl('put', '--', key, value),
    kill9: async () => void (await child.kill9()),
    restart: async () => {
      await child.kill9();
      child = await boot();
    },
    pause: () => child.pause(),
    resume: () => child.resume(),
    stop: async () => void (await child.stop()),
  };
}

/** An authority, a server certificate for 127.0.0.1 and a client certificate, as PEM files. */
export function makeCertificates(): NonNullable<EtcdOptions['tls']> {
  const folder = temporaryDirectory('certificates');
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
  );
  for (const name of ['server', 'client']) {
    const signed = [
      '-CA',
      path('ca.pem'),
      '-CAkey',
      path('ca.key'),
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ];
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      ...signed,
      '-keyout',
      path(`${name}.key`),
      '-out',
      path(`${name}.pem`),
    );
  }
  return {
    ca: path('ca.pem'),
    cert: path('server.pem'),
    key: path('server.key'),
    clientCert: path('client.pem'),
    clientKey: path('client.key'),
  };
}
