/** Real MariaDB servers on loopback, each with a data directory of its own. */
import { copyTemplate, REDO_LOG_SIZE } from './mariadb-template.ts';
import { AS_ROOT } from './server-template.ts';
import { type SqlServer, startServer } from './sql-server.ts';

export interface MariadbOptions {
  /** The name used in errors. */
  readonly name?: string;
  /** Left out: a free one. */
  readonly port?: number;
  /** More arguments of mariadbd; they win over ours. */
  readonly extra?: readonly string[];
  /** Loads the server side of the client_ed25519 plugin. */
  readonly ed25519?: boolean;
  /** More variables of its environment, TZ say. */
  readonly env?: Readonly<Record<string, string>>;
}

export type Mariadb = SqlServer;

/** Starts a server; about a second. It dies with this process, and its data goes too. */
export function startMariadb(options: MariadbOptions = {}): Promise<Mariadb> {
  return startServer({
    name: options.name ?? 'mariadb',
    port: options.port,
    fill: copyTemplate,
    command: 'mariadbd',
    args: [
      '--no-defaults',
      ...AS_ROOT,
      ...SETTINGS,
      ...(options.ed25519 === true ? ['--plugin-load-add=auth_ed25519'] : []),
      ...(options.extra ?? []),
    ],
    portTaken: /Address already in use/,
    env: options.env,
  });
}

/** For servers whose speed is measured: they wait for the disk as they do by their own defaults. */
export const TO_THE_DISK: readonly string[] = ['--innodb-flush-method=O_DIRECT', '--skip-debug-no-sync'];

/**
 * Small and quick: what a power cut would lose does not matter here, and many servers share a machine.
 * What `kill -9` would lose does matter: a commit is at least with the kernel when it is answered. With the kernel is
 * enough: a start, and each CREATE TABLE, would else wait for the disk again and again.
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
  '--innodb-flush-method=nosync',
  '--debug-no-sync',
  '--innodb-buffer-pool-dump-at-shutdown=OFF',
  '--innodb-buffer-pool-load-at-startup=OFF',
  '--innodb-fast-shutdown=2',
  '--key-buffer-size=8M',
  '--aria-pagecache-buffer-size=8M',
  '--table-open-cache=400',
  '--thread-cache-size=64',
  '--back-log=512',
];
