/** Real MySQL 9 servers on loopback, each with a data directory of its own. */
import { join } from 'node:path';
import { mysqlProgram, mysqlRoot } from './mysql-root.ts';
import { copyMysqlTemplate, MYSQL_STORAGE } from './mysql-template.ts';
import { AS_ROOT } from './server-template.ts';
import { type SqlServer, startServer } from './sql-server.ts';
import type { Certificates } from './tls.ts';

export interface MysqlOptions {
  /** The name used in errors. */
  readonly name?: string;
  /** Left out: a free one. */
  readonly port?: number;
  /** More arguments of mysqld; they win over ours. */
  readonly extra?: readonly string[];
  /** `own`, the default: certificates that the server has made for itself, as MySQL does. */
  readonly tls?: 'own' | 'off' | Certificates;
  /** More variables of its environment, TZ say. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a server; two seconds. Its accounts are of caching_sha2_password: it has no mysql_native_password. */
export function startMysql(options: MysqlOptions = {}): Promise<SqlServer> {
  const mysqld = mysqlProgram('usr/sbin/mysqld');
  return startServer({
    name: options.name ?? 'mysql',
    port: options.port,
    fill: copyMysqlTemplate,
    command: mysqld.command,
    args: [
      ...mysqld.args,
      '--no-defaults',
      ...AS_ROOT,
      `--basedir=${join(mysqlRoot(), 'usr')}`,
      `--plugin-dir=${join(mysqlRoot(), 'usr', 'lib', 'mysql', 'plugin')}`,
      ...MYSQL_STORAGE,
      ...SETTINGS,
      ...tlsArguments(options.tls ?? 'own'),
      ...(options.extra ?? []),
    ],
    portTaken: /Address already in use/,
    env: options.env,
  });
}

function tlsArguments(tls: NonNullable<MysqlOptions['tls']>): string[] {
  if (tls === 'own') return [];
  // There is no switch any more: a server that may speak no version has no TLS.
  if (tls === 'off') return ['--tls-version='];
  return [`--ssl-ca=${tls.ca}`, `--ssl-cert=${tls.server.certificate}`, `--ssl-key=${tls.server.key}`];
}

/** Small and quick: many servers share a machine. A commit is at least with the kernel when it is answered. */
const SETTINGS: readonly string[] = [
  '--bind-address=127.0.0.1',
  '--skip-name-resolve',
  '--skip-log-bin',
  '--mysqlx=OFF',
  '--max-connections=1200',
  '--max-allowed-packet=128M',
  '--secure-file-priv=',
  '--local-infile=ON',
  '--innodb-flush-log-at-trx-commit=2',
  '--innodb-buffer-pool-dump-at-shutdown=OFF',
  '--innodb-buffer-pool-load-at-startup=OFF',
  '--innodb-fast-shutdown=2',
  '--key-buffer-size=8M',
  '--temptable-max-ram=16M',
  '--table-open-cache=400',
  '--thread-cache-size=64',
  '--back-log=512',
];
