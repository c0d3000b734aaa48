/** Real MariaDB servers on loopback, each with a data directory of its own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  type QueryResult,
  type RowDataPacket,
} from 'mysql2/promise';
import { AS_ROOT, copyTemplate, REDO_LOG_SIZE } from './mariadb-template.ts';
import { freePort } from './ports.ts';
import { type Child, type Exit, startChild } from './process.ts';
import { removeDirectory, temporaryDirectory } from './temp.ts';

const BOOT_ATTEMPTS_MAX = 3;
const PROBE_TIMEOUT_MS = 2000;

export interface MariadbOptions {
  /** The name used in errors. */
  readonly name?: string;
  /** Left out: a free one. */
  readonly port?: number;
  /** More arguments of mariadbd; they win over ours. */
  readonly extra?: readonly string[];
  /** Loads the server side of the client_ed25519 plugin. */
  readonly ed25519?: boolean;
}

/** A running server. `root` has no password over TCP. */
export interface Mariadb {
  readonly name: string;
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: 'root';
  readonly dataDir: string;
  readonly pid: number;
  /** Runs one statement (or several, separated by ";") as root on a connection of its own; returns its rows. */
  query<T extends QueryResult>(sql: string, values?: readonly unknown[]): Promise<T>;
  /** A mysql2 connection; root unless told otherwise. The caller ends it. */
  connect(options?: ConnectionOptions): Promise<Connection>;
  /** Ends the server in good order; the data stays for `restart`. */
  stop(): Promise<Exit>;
  kill9(): Promise<Exit>;
  /** Stops the server if it runs, and starts it on the same port and data. */
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Stops the server by SIGKILL and removes its data at once. */
  destroy(): Promise<void>;
  errorLog(): string;
}

/** Starts a server; about a second. It dies with this process, and its data goes too. */
export async function startMariadb(options: MariadbOptions = {}): Promise<Mariadb> {
  const name = options.name ?? 'mariadb';
  const folder = temporaryDirectory(name);
  const dataDir = join(folder, 'data');
  await copyTemplate(dataDir);
  let { port, child } = await bootOnSomePort(options, name, folder, dataDir);

  const connect = (more: ConnectionOptions = {}): Promise<Connection> =>
    createConnection({ host: '127.0.0.1', port, user: 'root', ...more });
  return {
    name,
    host: '127.0.0.1',
    get port() {
      return port;
    },
    user: 'root',
    dataDir,
    get pid() {
      return child.pid;
    },
    connect,
    async query<T extends QueryResult>(sql: string, values: readonly unknown[] = []) {
      const connection = await connect({ multipleStatements: true });
      try {
        const [result] = await connection.query<T>(sql, [...values]);
        return result;
      } finally {
        connection.destroy();
      }
    },
    stop: () => child.stop(),
    kill9: () => child.kill9(),
    async restart() {
      if (child.running()) await child.stop();
      child = await boot(options, name, folder, dataDir, port);
    },
    pause: () => child.pause(),
    resume: () => child.resume(),
    async destroy() {
      await child.kill9();
      removeDirectory(folder);
    },
    errorLog: () => child.stderr(),
  };
}

/** Between finding a port free and listening on it, another process may take it: then the next one. */
async function bootOnSomePort(
  options: MariadbOptions,
  name: string,
  folder: string,
  dataDir: string,
): Promise<{ port: number; child: Child }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    try {
      return { port, child: await boot(options, name, folder, dataDir, port) };
    } catch (error) {
      const taken = error instanceof Error && error.message.includes('Address already in use');
      if (!taken || options.port !== undefined || attempt === BOOT_ATTEMPTS_MAX) throw error;
    }
  }
}

function boot(
  options: MariadbOptions,
  name: string,
  folder: string,
  dataDir: string,
  port: number,
): Promise<Child> {
  const pidFile = join(folder, 'pid');
  return startChild({
    name,
    command: 'mariadbd',
    args: [
      '--no-defaults',
      ...AS_ROOT,
      `--datadir=${dataDir}`,
      `--socket=${join(folder, 'socket')}`,
      `--pid-file=${pidFile}`,
      `--tmpdir=${folder}`,
      `--port=${port}`,
      ...SETTINGS,
      ...(options.ed25519 === true ? ['--plugin-load-add=auth_ed25519'] : []),
      ...(options.extra ?? []),
    ],
    ready: () => answers(port, pidFile),
  });
}

/**
 * Small and quick: what a power cut would lose does not matter here, and many servers share a machine.
 * What `kill -9` would lose does matter: a commit is at least with the kernel when it is answered.
 */
const SETTINGS: readonly string[] = [
  '--bind-address=127.0.0.1',
  '--skip-name-resolve',
  '--max-connections=1200',
  '--max-allowed-packet=128M',
  '--secure-file-priv=',
  '--character-set-server=utf8mb4',
  '--performance-schema=OFF',
  '--innodb-buffer-pool-size=32M',
  `--innodb-log-file-size=${REDO_LOG_SIZE}`,
  '--innodb-flush-log-at-trx-commit=2',
  '--innodb-doublewrite=OFF',
  '--innodb-buffer-pool-dump-at-shutdown=OFF',
  '--innodb-buffer-pool-load-at-startup=OFF',
  '--innodb-fast-shutdown=2',
  '--key-buffer-size=8M',
  '--aria-pagecache-buffer-size=8M',
  '--table-open-cache=400',
  '--thread-cache-size=64',
  '--back-log=512',
];

/** The server's pid file is compared too: another process's server could stand on the port. */
async function answers(port: number, pidFile: string): Promise<boolean> {
  if (!existsSync(pidFile)) return false;
  const connection = await createConnection({
    host: '127.0.0.1',
    port,
    user: 'root',
    connectTimeout: PROBE_TIMEOUT_MS,
  });
  try {
    const [rows] = await connection.query<RowDataPacket[]>('SELECT @@pid_file AS pidFile');
    return rows[0]?.pidFile === pidFile;
  } finally {
    connection.destroy();
  }
}
