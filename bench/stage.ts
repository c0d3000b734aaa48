/** What is measured: two servers with the same rows, and the four ways to the old one. */
import { join } from 'node:path';
import { runCommand } from '../test/harness/cli.ts';
import { type Mariadb, startMariadb } from '../test/harness/mariadb.ts';
import { freePort } from '../test/harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../test/harness/proxy.ts';
import { temporaryDirectory } from '../test/harness/temp.ts';
import { startHaproxy } from './haproxy.ts';
import type { Target } from './results.ts';
import { DATABASE, prepareTables } from './sysbench.ts';

const SHARD = 's00';
/** The tables and their indexes fit many times over: the way is measured, not the disk. */
const SERVER_SETTINGS = ['--innodb-buffer-pool-size=256M', '--innodb-flush-log-at-trx-commit=2'];

/** One way to the old server. */
export interface Way {
  readonly target: Target;
  readonly port: number;
  /** The process in between, if there is one. */
  readonly pid: number | undefined;
  /** The proxy whose mirror is at work. */
  readonly mirroring: RunningProxy | undefined;
}

export interface Stage {
  readonly old: Mariadb;
  readonly ways: readonly Way[];
  /** Ends every process. */
  end(): Promise<void>;
}

/** Takes seconds. Whatever it started goes with this process, however that ends. */
export async function setStage(): Promise<Stage> {
  const [old, shadow] = await Promise.all([startServer('old'), startServer('new')]);
  await prepareTables(old.port);
  await copyRows(old, shadow);
  const haproxy = await startHaproxy(old.port);
  const idle = await startMirror('mirror-0', old, shadow, 0);
  const mirroring = await startMirror('mirror-100', old, shadow, 100);
  return {
    old,
    ways: [
      { target: 'direct', port: old.port, pid: undefined, mirroring: undefined },
      { target: 'haproxy', port: haproxy.port, pid: haproxy.child.pid, mirroring: undefined },
      { target: 'mirror-0', port: idle.port(SHARD), pid: idle.pid, mirroring: undefined },
      { target: 'mirror-100', port: mirroring.port(SHARD), pid: mirroring.pid, mirroring },
    ],
    async end() {
      await Promise.all([idle.stop(), mirroring.stop(), haproxy.child.stop()]);
      await Promise.all([old.destroy(), shadow.destroy()]);
    },
  };
}

async function startServer(name: string): Promise<Mariadb> {
  const server = await startMariadb({ name, extra: SERVER_SETTINGS });
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

async function requireDone(command: string, args: readonly string[]): Promise<void> {
  const done = await runCommand(command, args);
  if (done.code !== 0) throw new Error(`${command} ended with ${done.code}: ${done.stderr}`);
}

/** A process for each ratio: what the compiler has learnt from one must not help or hinder the other. */
async function startMirror(
  name: string,
  old: Mariadb,
  shadow: Mariadb,
  percent: number,
): Promise<RunningProxy> {
  const side = ({ host, port }: Mariadb) => ({ host, port, database: DATABASE });
  const shard = { name: SHARD, port: await freePort(), old: side(old), new: side(shadow) };
  return startProxy({
    name,
    config: {
      shards: [shard],
      mirror: { reads: percent, writes: percent, deletes: percent },
      logLevel: 'warn',
    },
  });
}
