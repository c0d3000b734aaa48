/** What is measured: two servers with the same rows, and the ways to the old one. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../test/harness/cli.ts';
import { type Mariadb, startMariadb, TO_THE_DISK } from '../test/harness/mariadb.ts';
import { freePort } from '../test/harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../test/harness/proxy.ts';
import { temporaryDirectory } from '../test/harness/temp.ts';
import { isDurable } from './durable-ways.ts';
import { startHaproxy } from './haproxy.ts';
import { startRouter } from './mysql-router.ts';
import { type Peer, startPeer } from './peer.ts';
import { startProxysql } from './proxysql.ts';
import type { Target } from './results.ts';
import { DATABASE, prepareTables, type SecureClient } from './sysbench.ts';
import { type BenchCertificates, makeBenchCertificates, SECURE_USER } from './tls-ways.ts';

const SHARD = 's00';
const EVERYTHING = { reads: 100, writes: 100, deletes: 100 } as const;
const WITHOUT_JOURNAL = new URL('without-journal.mjs', import.meta.url).href;
const NET_RELAY = fileURLToPath(new URL('net-relay.ts', import.meta.url));
/** The tables and their indexes fit many times over: the way is measured, not the disk. */
const SERVER_SETTINGS = ['--innodb-buffer-pool-size=256M', '--max-connections=1000', ...TO_THE_DISK];
/** A commit is with the kernel when it is answered, and on the disk within a second. */
const QUICK_COMMITS = ['--innodb-flush-log-at-trx-commit=2'];
/** What a server does of its own accord, where our harness sets it otherwise: each commit is on the disk when it is answered. */
const DURABLE_COMMITS = ['--innodb-flush-log-at-trx-commit=1', '--innodb-doublewrite=ON'];

/** One way to the old server. */
export interface Way {
  readonly target: Target;
  readonly port: number;
  /** The process in between, if there is one. */
  readonly pid: number | undefined;
  /** Its client has TLS. */
  readonly secure: SecureClient | undefined;
  /** The proxy whose mirror is at work. */
  readonly mirroring: RunningProxy | undefined;
  /** Compiles itself while it runs: it needs a warm-up. */
  readonly warmsUp: boolean;
  /** The processes of the servers that it stands between. */
  readonly servers: { readonly old: number; readonly new: number };
  /** Ends the process in good order. */
  stop(): Promise<unknown>;
}

export interface Stage {
  readonly ways: readonly Way[];
  /** Ends every process. */
  end(): Promise<void>;
}

/** A way without the servers that it stands between. */
type OwnWay = Omit<Way, 'servers'>;

interface Pair {
  readonly old: Mariadb;
  readonly shadow: Mariadb;
}

interface Servers extends Pair {
  readonly certificates: BenchCertificates;
}

export interface StageOptions {
  /** For the ways that run on Node. */
  readonly nodeArgs?: readonly string[];
  /** What stands in between gets the last core to itself; this process and all else it starts the others. */
  readonly pinned?: boolean;
}

/** Takes seconds. Whatever it started goes with this process, however that ends. */
export async function setStage(targets: readonly Target[], options: StageOptions = {}): Promise<Stage> {
  const { nodeArgs = [], pinned = false } = options;
  const lastCore = availableParallelism() - 1;
  if (pinned && lastCore === 0) throw new Error('--pin needs a second core');
  // What this process starts from here on inherits it, sysbench too.
  if (pinned) await pin(process.pid, `0-${lastCore - 1}`);
  const certificates = await makeBenchCertificates();
  const { ca, certificate, key } = certificates;
  const pair = await startPair(
    '',
    [...QUICK_COMMITS],
    [`--ssl-ca=${ca}`, `--ssl-cert=${certificate}`, `--ssl-key=${key}`],
  );
  const durable = targets.some(isDurable) ? await startPair('durable-', [...DURABLE_COMMITS], []) : null;
  await pair.old.query(`CREATE USER ${SECURE_USER}@'%' REQUIRE SSL; GRANT ALL ON *.* TO ${SECURE_USER}@'%'`);
  const ways: Way[] = [];
  for (const target of targets) {
    const { old, shadow } = isDurable(target) && durable !== null ? durable : pair;
    const own = await startWay(target, { old, shadow, certificates }, nodeArgs);
    ways.push({ ...own, servers: { old: old.pid, new: shadow.pid } });
    if (pinned && own.pid !== undefined) await pin(own.pid, String(lastCore));
  }
  return {
    ways,
    async end() {
      await Promise.all(ways.map((way) => way.stop()));
      const servers = [pair, ...(durable === null ? [] : [durable])];
      await Promise.all(servers.flatMap(({ old, shadow }) => [old.destroy(), shadow.destroy()]));
    },
  };
}

/** Two servers with the same rows. */
async function startPair(name: string, both: readonly string[], ofOld: readonly string[]): Promise<Pair> {
  const [old, shadow] = await Promise.all([
    startServer(`${name}old`, [...both, ...ofOld]),
    startServer(`${name}new`, both),
  ]);
  await prepareTables(old.port);
  await copyRows(old, shadow);
  return { old, shadow };
}

async function startWay(target: Target, servers: Servers, nodeArgs: readonly string[]): Promise<OwnWay> {
  const { port } = servers.old;
  const { clientFolder: folder, certificate, key } = servers.certificates;
  const none = { reads: 0, writes: 0, deletes: 0 };
  switch (target) {
    case 'direct':
    case 'direct-durable':
      return directWay(target, port, undefined);
    case 'direct-tls':
      return directWay(target, port, { user: SECURE_USER, folder });
    case 'haproxy':
      return peerWay(target, await startHaproxy(port), false);
    case 'router':
      return peerWay(target, await startRouter(port), false);
    case 'proxysql':
      return peerWay(target, await startProxysql(port), false);
    case 'relay':
    case 'relay-durable':
      return peerWay(target, await startNetRelay(port, nodeArgs), true);
    case 'mirror-0':
    case 'mirror-0-durable':
      return mirrorWay(target, servers, none, nodeArgs);
    case 'mirror-0-tls':
      return {
        ...(await mirrorWay(target, servers, none, nodeArgs, {
          listen: { tls: { certificate, key, requireTls: true } },
        })),
        secure: { user: 'root', folder },
      };
    case 'reads-100':
      return mirrorWay(target, servers, { reads: 100, writes: 0, deletes: 0 }, nodeArgs);
    case 'mirror-100':
    case 'mirror-100-durable':
      return mirrorWay(target, servers, EVERYTHING, nodeArgs);
    case 'mirror-100-unjournalled':
      return mirrorWay(target, servers, EVERYTHING, [...nodeArgs, '--import', WITHOUT_JOURNAL]);
  }
}

function directWay(target: Target, port: number, secure: SecureClient | undefined): OwnWay {
  const nobody = { pid: undefined, mirroring: undefined, warmsUp: false, stop: () => Promise.resolve() };
  return { target, port, secure, ...nobody };
}

function peerWay(target: Target, { port, child }: Peer, warmsUp: boolean): OwnWay {
  return {
    target,
    port,
    secure: undefined,
    pid: child.pid,
    mirroring: undefined,
    warmsUp,
    stop: () => child.stop(),
  };
}

function startNetRelay(oldPort: number, nodeArgs: readonly string[]): Promise<Peer> {
  const tsx = import.meta.resolve('tsx');
  return startPeer('net-relay', ({ port }) => ({
    command: process.execPath,
    args: [...nodeArgs, '--import', tsx, NET_RELAY, String(port), String(oldPort)],
  }));
}

/** A process for each ratio: what the compiler has learnt from one must not help or hinder the other. */
async function mirrorWay(
  target: Target,
  { old, shadow }: Servers,
  mirror: { readonly reads: number; readonly writes: number; readonly deletes: number },
  nodeArgs: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<OwnWay> {
  const side = ({ host, port }: Mariadb) => ({ host, port, database: DATABASE });
  const shard = { name: SHARD, port: await freePort(), old: side(old), new: side(shadow) };
  const proxy = await startProxy({
    name: target,
    nodeArgs,
    config: { shards: [shard], mirror, logLevel: 'warn', ...more },
  });
  return {
    target,
    port: proxy.port(SHARD),
    secure: undefined,
    pid: proxy.pid,
    mirroring: mirror.reads > 0 ? proxy : undefined,
    warmsUp: true,
    stop: () => proxy.stop(),
  };
}

async function startServer(name: string, more: readonly string[]): Promise<Mariadb> {
  const server = await startMariadb({ name, extra: [...SERVER_SETTINGS, ...more] });
  await server.query(`CREATE DATABASE ${DATABASE}`);
  return server;
}

/** sysbench fills every server with other rows, and a mirror that misses its rows is quicker than one that finds them. */
async function copyRows(old: Mariadb, shadow: Mariadb): Promise<void> {
  const file = join(temporaryDirectory('rows'), 'rows.sql');
  const account = ({ port }: Mariadb) => [
    '--no-defaults',
    '--host=127.0.0.1',
    `--port=${port}`,
    '--user=root',
  ];
  await requireDone('mariadb-dump', [...account(old), `--result-file=${file}`, DATABASE]);
  await requireDone('mariadb', [...account(shadow), `--database=${DATABASE}`, `--execute=source ${file}`]);
}

/** All threads of a process. */
async function pin(pid: number, cores: string): Promise<void> {
  await requireDone('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)]);
}

async function requireDone(command: string, args: readonly string[]): Promise<void> {
  const done = await runCommand(command, args);
  if (done.code !== 0) throw new Error(`${command} ended with ${done.code}: ${done.stderr}`);
}
