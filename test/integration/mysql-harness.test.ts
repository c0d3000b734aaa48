/** MySQL 9 in the harness: a test that stands on it must be able to trust it. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMysql } from '../harness/mysql.ts';
import { runMysqlClient } from '../harness/mysql-root.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { makeCertificates, readPem } from '../harness/tls.ts';
import { expectRowsKept } from './server-restarts.ts';

const ACCOUNT = { user: 'app', password: 'a secret' };

describe('a MySQL 9 server', () => {
  let server: SqlServer;
  beforeAll(async () => {
    server = await startMysql();
  });
  afterAll(() => server.destroy());

  it('is MySQL 9, and root is who it says', async () => {
    const [row] = await server.query<RowDataPacket[]>('SELECT VERSION() AS version, USER() AS user');
    expect(row).toEqual({ version: expect.stringMatching(/^9\./), user: 'root@127.0.0.1' });
  });

  it('keeps its data over a restart and over kill -9', () => expectRowsKept(server));

  it('answers nothing while it is paused, and goes on afterwards', async () => {
    server.pause();
    await expect(server.connect({ connectTimeout: 300 })).rejects.toThrow('ETIMEDOUT');
    server.resume();
    expect(await server.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('says what is wrong when it does not start', async () => {
    await expect(startMysql({ extra: ['--no-such-option'] })).rejects.toThrow('no-such-option');
  });

  it('has a name of its own among servers, and leaves nothing when it is destroyed', async () => {
    const other = await startMysql();
    const uuid = 'SELECT @@server_uuid AS uuid';
    expect(await other.query(uuid)).not.toEqual(await server.query(uuid));
    await other.destroy();
    expect(existsSync(dirname(other.dataDir))).toBe(false);
    expect(existsSync(`/proc/${other.pid}`)).toBe(false);
  });
});

describe('a caching_sha2_password account', () => {
  it('logs in with the server’s own TLS and with its RSA key on a plain connection', async () => {
    const server = await startMysql();
    await server.query("CREATE USER app@'%' IDENTIFIED BY 'a secret'");
    expect(await pluginAndCipher(server, ACCOUNT)).toEqual(['caching_sha2_password', '']);
    const encrypted = await pluginAndCipher(server, { ...ACCOUNT, ssl: { rejectUnauthorized: false } });
    expect(encrypted).toEqual(['caching_sha2_password', expect.stringMatching(/^TLS_/)]);
    await server.destroy();
  });

  it('logs in by a certificate that it was given', async () => {
    const tls = await makeCertificates();
    const server = await startMysql({ tls });
    await server.query("CREATE USER app@'%' IDENTIFIED BY 'a secret' REQUIRE X509");
    const ssl = {
      ca: readPem(tls.ca),
      cert: readPem(tls.client.certificate),
      key: readPem(tls.client.key),
    };
    const known = await pluginAndCipher(server, { ...ACCOUNT, ssl });
    expect(known).toEqual(['caching_sha2_password', expect.stringMatching(/^TLS_/)]);
    await expect(server.connect({ ...ACCOUNT, ssl: { ca: ssl.ca } })).rejects.toThrow('Access denied');
    await server.destroy();
  });

  it('finds no TLS where it is turned off', async () => {
    const server = await startMysql({ tls: 'off' });
    const attempt = server.connect({ ssl: { rejectUnauthorized: false } });
    await expect(attempt).rejects.toThrow(/does not support secure connection/i);
    await server.destroy();
  });
});

describe('the MySQL 9 client', () => {
  it('prints what a query gives, and an error with its own code', async () => {
    const server = await startMysql();
    const where = ['--host=127.0.0.1', `--port=${server.port}`, '--user=root', '--batch'];
    const good = await runMysqlClient([...where, '--execute=SELECT 1 AS one']);
    expect(good).toMatchObject({ code: 0, stdout: 'one\n1\n' });
    const bad = await runMysqlClient([...where, '--execute=SELEKT']);
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('ERROR 1064 (42000)');
    await server.destroy();
  });
});

/** Logs in twice: the first login after a start is the full exchange, the second is from the server's cache. */
async function pluginAndCipher(
  server: SqlServer,
  options: ConnectionOptions,
): Promise<[plugin: unknown, cipher: unknown]> {
  await (await server.connect(options)).end();
  const connection = await server.connect(options);
  const [[status]] = await connection.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
  const [row] = await server.query<RowDataPacket[]>("SELECT plugin FROM mysql.user WHERE user = 'app'");
  await connection.end();
  return [row?.plugin, status?.Value];
}
