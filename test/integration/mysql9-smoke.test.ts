/** MySQL 9 as the old cluster, as the new one, and as both: what a first user would try. */
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CliResult, runCommand } from '../harness/cli.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { runMysqlClient } from '../harness/mysql-root.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { mirrored, NEW_DATABASE, OLD_DATABASE, SHARD, startStageProxy, untilMirrorIsIdle } from './stage.ts';

const SCHEMA = `
  CREATE TABLE messages (folderid BIGINT, type TINYINT, itemid BIGINT, ts INT, body TEXT, price DECIMAL(10, 2),
    share DOUBLE, at DATETIME(6), PRIMARY KEY (folderid, type, itemid)) ENGINE=InnoDB`;
const PASSWORD = 'a secret';
const STARTS = { 'MySQL 9': startMysql, MariaDB: startMariadb };
type Kind = keyof typeof STARTS;
const PAIRS: readonly (readonly [Kind, Kind])[] = [
  ['MySQL 9', 'MariaDB'],
  ['MariaDB', 'MySQL 9'],
  ['MySQL 9', 'MySQL 9'],
];

describe.each(PAIRS)('old on %s, new on %s', (oldKind, newKind) => {
  let old: SqlServer;
  let fresh: SqlServer;
  let proxy: RunningProxy;
  let account: ConnectionOptions & { port: number };

  beforeAll(async () => {
    [old, fresh] = await Promise.all([STARTS[oldKind]({ name: 'old' }), STARTS[newKind]({ name: 'new' })]);
    await old.query(`CREATE DATABASE ${OLD_DATABASE}; USE ${OLD_DATABASE}; ${SCHEMA}`);
    await fresh.query(`CREATE DATABASE ${NEW_DATABASE}; USE ${NEW_DATABASE}; ${SCHEMA}`);
    for (const server of [old, fresh]) {
      await server.query(`CREATE USER app@'%' IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON *.* TO app@'%'`);
    }
    const ours = { user: 'app', password: PASSWORD };
    proxy = await startStageProxy(
      { old, fresh },
      { oldUser: ours, newUser: ours, tables: { messages: { key: 'folderid' } } },
    );
    account = { host: '127.0.0.1', port: proxy.port(SHARD), ...ours, database: OLD_DATABASE };
  });
  afterAll(async () => {
    await proxy?.kill9();
    await Promise.all([old?.destroy(), fresh?.destroy()]);
  });

  /** MySQL 9's client; a connection without TLS needs the server's key for the full exchange. */
  const mysqlClient = (...args: readonly string[]): Promise<CliResult> =>
    runMysqlClient([
      ...['--host=127.0.0.1', `--port=${account.port}`, '--user=app', `--password=${PASSWORD}`],
      ...['--batch', '--ssl-mode=DISABLED', '--commands', ...args, OLD_DATABASE],
    ]);

  describe('logins, each in full', () => {
    // The server forgets which accounts it knows: the next login is the full exchange again.
    beforeEach(() => old.query('FLUSH PRIVILEGES'));

    it('mysql2: in full, from the server’s cache, by another account, and refused', async () => {
      for (const _exchange of ['full', 'fast']) expect(await whoIs(account)).toBe('app@%');
      const changed = await createConnection({ ...account, user: 'root', password: '' });
      await old.query('FLUSH PRIVILEGES');
      await changed.changeUser({ user: 'app', password: PASSWORD, database: OLD_DATABASE });
      const [rows] = await changed.query<RowDataPacket[]>('SELECT CURRENT_USER() AS account');
      expect(rows).toEqual([{ account: 'app@%' }]);
      await changed.end();
      await expect(createConnection({ ...account, password: 'wrong' })).rejects.toThrow('Access denied');
    });

    it('PHP mysqli and PDO', async () => {
      const mysqli = `$m = new mysqli('127.0.0.1', 'app', '${PASSWORD}', '${OLD_DATABASE}', ${account.port});
        echo $m->query('SELECT CURRENT_USER()')->fetch_row()[0];`;
      expect(await runCommand('php', ['-r', mysqli])).toMatchObject({ code: 0, stdout: 'app@%' });
      await old.query('FLUSH PRIVILEGES');
      const pdo = `$p = new PDO('mysql:host=127.0.0.1;port=${account.port}', 'app', '${PASSWORD}');
        echo $p->query('SELECT CURRENT_USER()')->fetchColumn();`;
      expect(await runCommand('php', ['-r', pdo])).toMatchObject({ code: 0, stdout: 'app@%' });
    });

    it('the MySQL 9 client, with the server’s key; PyMySQL; Perl', async () => {
      const cli = await mysqlClient('--get-server-public-key', '--execute=SELECT CURRENT_USER() AS account');
      expect(cli).toMatchObject({ code: 0, stdout: 'account\napp@%\n' });
      await old.query('FLUSH PRIVILEGES');
      const python = `import pymysql
c = pymysql.connect(host='127.0.0.1', port=${account.port}, user='app', password='${PASSWORD}').cursor()
c.execute('SELECT CURRENT_USER()'); print(c.fetchone()[0], end='')`;
      const pymysql = await runCommand('/usr/bin/python3', ['-c', python]);
      expect(pymysql).toMatchObject({ code: 0, stdout: 'app@%' });
      await old.query('FLUSH PRIVILEGES');
      const dbi = `print DBI->connect("DBI:mysql:host=127.0.0.1;port=${account.port}", "app", "${PASSWORD}",
        {RaiseError => 1})->selectrow_array("SELECT CURRENT_USER()")`;
      expect(await runCommand('perl', ['-MDBI', '-e', dbi])).toMatchObject({ code: 0, stdout: 'app@%' });
    });

    it('MariaDB’s client, told that there is no TLS; untold it shows the password, and is refused', async () => {
      const mariadbClient = (...args: readonly string[]): Promise<CliResult> =>
        runCommand('mariadb', [
          ...['--no-defaults', '--host=127.0.0.1', `--port=${account.port}`, '--user=app'],
          ...[`--password=${PASSWORD}`, '--batch', '--execute=SELECT CURRENT_USER() AS account', ...args],
        ]);
      expect(await mariadbClient('--skip-ssl')).toMatchObject({ code: 0, stdout: 'account\napp@%\n' });
      await old.query('FLUSH PRIVILEGES');
      const refused = { code: 1, stderr: expect.stringContaining('ERROR 1045') };
      expect(await mariadbClient()).toMatchObject(oldKind === 'MySQL 9' ? refused : { code: 0 });
    });

    it('the MySQL 9 client without a key is told what it lacks, where it needs one', async () => {
      const cli = await mysqlClient('--execute=SELECT 1');
      const refused = { code: 1, stderr: expect.stringContaining('requires secure connection') };
      expect(cli).toMatchObject(oldKind === 'MySQL 9' ? refused : { code: 0 });
    });

    it('a client that asks for compression or prefers TLS goes without', async () => {
      const cli = await mysqlClient(
        ...[
          '--ssl-mode=PREFERRED',
          '--get-server-public-key',
          '--compression-algorithms=zstd,zlib,uncompressed',
        ],
        "--execute=SHOW SESSION STATUS WHERE Variable_name IN ('Compression', 'Ssl_cipher')",
      );
      expect(cli.stdout).toMatch(/^Compression\tOFF$/m);
      expect(cli.stdout).toMatch(/^Ssl_cipher\t$/m);
    });
  });

  it('queries, prepared statements and transactions arrive, and compare equal', async () => {
    const client = await createConnection(account);
    await sessionOf(client);
    await client.end();
    await untilMirrorIsIdle(proxy);
    expect(await contentOf(fresh, NEW_DATABASE)).toEqual(await contentOf(old, OLD_DATABASE));
    expect(await contentOf(fresh, NEW_DATABASE)).toHaveLength(4);
    expect(await mirrored(proxy, { outcome: 'mirrored' })).toBe(11);
    expect(await proxy.metric('understudy_mirror_compared_total')).toBe(4);
  });

  it('query attributes reach a server that knows them, and the mirror goes on', async () => {
    const knows = oldKind === 'MySQL 9';
    if (knows) await old.query("INSTALL COMPONENT 'file://component_query_attributes'");
    const before = await mirrored(proxy, { outcome: 'mirrored' });
    const script = [
      'query_attributes name its-value;',
      'INSERT INTO messages (folderid, type, itemid) VALUES (900, 1, 1);',
      'query_attributes name its-value;',
      `SELECT ${knows ? "mysql_query_attribute_string('name')" : "'unknown'"} AS value;`,
    ].join('\n');
    const cli = await mysqlClient('--get-server-public-key', `--execute=${script}`);
    expect(cli).toMatchObject({ code: 0, stdout: `value\n${knows ? 'its-value' : 'unknown'}\n` });
    await untilMirrorIsIdle(proxy);
    expect(await mirrored(proxy, { outcome: 'mirrored' })).toBe(before + 1);
    const arrived = await fresh.query(`SELECT itemid FROM ${NEW_DATABASE}.messages WHERE folderid = 900`);
    expect(arrived).toEqual([{ itemid: 1 }]);
  });

  it('nothing lost its step, nothing failed on the shadow, and nothing differed', async () => {
    expect(await proxy.metric('understudy_relay_blind_total')).toBe(0);
    expect(await proxy.metric('understudy_mirror_mismatch_total')).toBe(0);
    expect(await mirrored(proxy, { outcome: 'failed' })).toBe(0);
    expect(proxy.logs()).not.toContain('please report this');
  });
});

async function whoIs(options: ConnectionOptions): Promise<unknown> {
  const connection = await createConnection(options);
  const [rows] = await connection.query<RowDataPacket[]>('SELECT CURRENT_USER() AS account');
  await connection.end();
  return rows[0]?.account;
}

/** Eleven statements that are mirrored, four of them reads, and two that are rolled back. */
async function sessionOf(client: Connection): Promise<void> {
  await client.query(`INSERT INTO messages VALUES
    (1, 1, 1, 10, 'é 🙂', 1.50, 0.1, '2024-02-29 23:59:59.123456'), (1, 1, 2, 20, NULL, NULL, 1e100, NULL)`);
  const columns = '(folderid, type, itemid, body, share, at)';
  await client.execute(`INSERT INTO messages ${columns} VALUES (?, ?, ?, ?, ?, ?)`, [
    ...[2, 1, 1, 'prepared', 1 / 3, '2024-01-01 00:00:00.000001'],
  ]);
  await client.execute('INSERT INTO messages (folderid, type, itemid) VALUES (?, ?, ?)', [2, 1, 2]);
  await client.query('SELECT * FROM messages WHERE folderid = 1 ORDER BY itemid DESC LIMIT 25');
  await client.query(
    'SELECT type, COUNT(*), SUM(price), AVG(ts) FROM messages WHERE folderid = 1 GROUP BY type',
  );
  await client.execute('SELECT * FROM messages WHERE folderid IN (?, ?)', [1, 2]);
  await client.beginTransaction();
  await client.query('INSERT INTO messages (folderid, type, itemid) VALUES (3, 1, 1)');
  await client.query('UPDATE messages SET ts = 9 WHERE folderid = 3');
  await client.commit();
  await client.beginTransaction();
  await client.query('INSERT INTO messages (folderid, type, itemid) VALUES (4, 1, 1)');
  await client.execute('DELETE FROM messages WHERE folderid = ?', [1]);
  await client.rollback();
  await client.query('SET NAMES latin1');
  await client.query("SELECT itemid, 'é' FROM messages WHERE folderid = 1 ORDER BY itemid");
  await client.query("SET NAMES utf8mb4, SESSION sql_mode = 'STRICT_TRANS_TABLES'");
  await client.query('DELETE FROM messages WHERE folderid = 2 AND itemid = 2');
  await client.query('REPLACE INTO messages (folderid, type, itemid) VALUES (3, 1, 1)');
}

function contentOf(server: SqlServer, database: string): Promise<RowDataPacket[]> {
  return server.query(`SELECT *, HEX(body) AS hex FROM ${database}.messages ORDER BY folderid, itemid`);
}
