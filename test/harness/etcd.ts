/** A real etcd of one member; its keys are set by plain etcdctl, as an SRE would. */
import { join } from 'node:path';
import { runCommand } from './cli.ts';
import { freePorts } from './ports.ts';
import { type Exit, startChild } from './process.ts';
import { temporaryDirectory } from './temp.ts';
import type { Certificates } from './tls.ts';

export interface EtcdOptions {
  readonly name?: string;
  /** Turns authentication on, with this user in the root role. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** Serves TLS and asks clients for a certificate of the same authority. */
  readonly tls?: Certificates;
}

export interface Etcd {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  put(key: string, value: string): Promise<void>;
  /** The key's value; undefined where there is none. */
  get(key: string): Promise<string | undefined>;
  /** Every key under `prefix` with its value. */
  list(prefix: string): Promise<Map<string, string>>;
  del(key: string): Promise<void>;
  /** Any etcdctl command; throws where it fails. Returns its standard output. */
  ctl(...args: readonly string[]): Promise<string>;
  stop(): Promise<Exit>;
  kill9(): Promise<Exit>;
  /** Starts it again on the same port and data. */
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
}

/** Starts etcd; about a second. */
export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  const name = options.name ?? 'etcd';
  const dataDir = join(temporaryDirectory(name), 'data');
  const [port = 0, peerPort = 0] = await freePorts(2);
  const url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  let login: readonly string[] = [];
  const ctl = async (...args: readonly string[]): Promise<string> => {
    const all = ['--endpoints', url, ...tlsClientArguments(options.tls), ...login, ...args];
    const done = await runCommand('etcdctl', all, { env: { ETCDCTL_API: '3' } });
    if (done.code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${done.stderr.trim()}`);
    return done.stdout;
  };
  const boot = () =>
    startChild({
      name,
      command: 'etcd',
      args: serverArguments(dataDir, url, peerPort, options.tls),
      ready: async () => (await ctl('get', 'ready-probe')) === '',
    });
  let child = await boot();
  if (options.auth !== undefined) {
    await enableAuth(ctl, options.auth);
    login = ['--user', `${options.auth.user}:${options.auth.password}`];
  }
  return {
    url,
    port,
    get pid() {
      return child.pid;
    },
    ctl,
    async put(key, value) {
      // The value goes by "--" so that one that begins with "-" is no flag.
      await ctl('put', '--', key, value);
    },
    async get(key) {
      const found = await ctl('get', key);
      return found === '' ? undefined : found.slice(key.length + 1, -1);
    },
    async list(prefix) {
      return parseKeyValues(await ctl('get', '--prefix', '--write-out=json', prefix));
    },
    async del(key) {
      await ctl('del', key);
    },
    stop: () => child.stop(),
    kill9: () => child.kill9(),
    async restart() {
      if (child.running()) await child.stop();
      child = await boot();
    },
    pause: () => child.pause(),
    resume: () => child.resume(),
  };
}

async function enableAuth(
  ctl: (...args: readonly string[]) => Promise<string>,
  auth: { readonly user: string; readonly password: string },
): Promise<void> {
  // etcd turns authentication on only where a user root in the role root exists.
  for (const user of new Set(['root', auth.user])) {
    await ctl('user', 'add', `${user}:${auth.password}`);
    await ctl('user', 'grant-role', user, 'root');
  }
  await ctl('auth', 'enable');
}

function serverArguments(
  dataDir: string,
  url: string,
  peerPort: number,
  tls: Certificates | undefined,
): string[] {
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  return [
    ...['--name', 'test', '--data-dir', dataDir, '--logger', 'zap', '--log-level', 'warn'],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', `test=${peerUrl}`],
    ...(tls === undefined ? [] : ['--cert-file', tls.server.certificate, '--key-file', tls.server.key]),
    ...(tls === undefined ? [] : ['--client-cert-auth', '--trusted-ca-file', tls.ca]),
  ];
}

function tlsClientArguments(tls: Certificates | undefined): string[] {
  if (tls === undefined) return [];
  return ['--cacert', tls.ca, '--cert', tls.client.certificate, '--key', tls.client.key];
}

function parseKeyValues(json: string): Map<string, string> {
  const answer = JSON.parse(json) as { kvs?: { key: string; value?: string }[] };
  const text = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString('utf8');
  return new Map((answer.kvs ?? []).map((pair) => [text(pair.key), text(pair.value)]));
}
