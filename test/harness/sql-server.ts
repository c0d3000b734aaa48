/** A real server of either kind on loopback, with a data directory of its own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  type QueryResult,
  type RowDataPacket,
} from 'mysql2/promise';
import { freePort } from './ports.ts';
import { type Child, type Exit, startChild } from './process.ts';
import { removeDirectory, temporaryDirectory } from './temp.ts';

const BOOT_ATTEMPTS_MAX = 3;
const PROBE_TIMEOUT_MS = 2000;
/** mysql2 makes room for 16,000 prepared statements with each connection, which takes a millisecond. */
const STATEMENTS_KEPT = { maxPreparedStatements: 100 };

/** A running server. `root` has no password over TCP. */
export interface SqlServer {
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

/** Where one server lives. The socket and the pid file stand in `folder`, the data in `dataDir` below it. */
export interface ServerPlace {
  readonly folder: string;
  readonly dataDir: string;
  readonly port: number;
}

export interface ServerKind {
  /** The name used in errors. */
  readonly name: string;
  /** Left out: a free one. */
  readonly port: number | undefined;
  /** Fills the data directory, which does not exist yet. */
  fill(dataDir: string): Promise<void>;
  /** The program and its arguments, but for those that say where it lives. */
  readonly command: string;
  readonly args: readonly string[];
  /** How its log says that another process holds the port. */
  readonly portTaken: RegExp;
  /** More variables of its environment, TZ say. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Starts a server; a second or two. It dies with this process, and its data goes too. */
export async function startServer(kind: ServerKind): Promise<SqlServer> {
  const { name } = kind;
  const folder = temporaryDirectory(name);
  const dataDir = join(folder, 'data');
  await kind.fill(dataDir);
  let { port, child } = await bootOnSomePort(kind, folder, dataDir);

  const connect = (more: ConnectionOptions = {}): Promise<Connection> =>
    createConnection({ host: '127.0.0.1', port, user: 'root', ...STATEMENTS_KEPT, ...more });
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
      child = await boot(kind, { folder, dataDir, port });
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
  kind: ServerKind,
  folder: string,
  dataDir: string,
): Promise<{ port: number; child: Child }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = kind.port ?? (await freePort());
    try {
      return { port, child: await boot(kind, { folder, dataDir, port }) };
    } catch (error) {
      const taken = error instanceof Error && kind.portTaken.test(error.message);
      if (!taken || kind.port !== undefined || attempt === BOOT_ATTEMPTS_MAX) throw error;
    }
  }
}

/** The place stands last: no argument of a test moves a server from where it is looked for. */
function boot(kind: ServerKind, { folder, dataDir, port }: ServerPlace): Promise<Child> {
  const pidFile = join(folder, 'pid');
  return startChild({
    name: kind.name,
    command: kind.command,
    ...(kind.env === undefined ? {} : { env: kind.env }),
    args: [
      ...kind.args,
      `--datadir=${dataDir}`,
      `--socket=${join(folder, 'socket')}`,
      `--pid-file=${pidFile}`,
      `--tmpdir=${folder}`,
      `--port=${port}`,
    ],
    ready: () => answers(port, pidFile),
  });
}

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
