/**
 * Invariant 1 over TLS on both sides: the same session directly and through the proxy, byte for byte; what is
 * large, what stalls, and what ends halfway.
 */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { residentBytes } from '../harness/processes.ts';
import { COM, connectRaw, type RawConnection } from '../harness/recorder.ts';
import { type Certificates, makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';
import { command, execute, integer, text } from './command-bytes.ts';
import { expectSameBytes, type SessionScript } from './same-bytes.ts';
import { mirrored, type Stage, startStage, untilMirrorIsIdle } from './stage.ts';
import { listenTls, mariadbTls } from './tls-stage.ts';

const MEBIBYTE = 1024 * 1024;
const SCHEMA = `
  CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(200), body LONGBLOB);
  INSERT INTO t (id, name) VALUES (1, 'one'), (2, 'two');
  CREATE PROCEDURE two(IN n INT) BEGIN SELECT n; SELECT n + 1, 'two'; END`;

let certificates: Certificates;
let stage: Stage;
beforeAll(async () => {
  certificates = await makeCertificates();
  const tls = { ca: certificates.ca };
  stage = await startStage({
    schema: SCHEMA,
    old: { extra: mariadbTls(certificates) },
    fresh: { extra: mariadbTls(certificates) },
    config: {
      listen: { tls: listenTls(certificates) },
      oldTls: tls,
      newTls: tls,
      queue: { bytes: 256 * MEBIBYTE, statementBytes: 32 * MEBIBYTE, unitBytes: 64 * MEBIBYTE },
    },
  });
});
afterAll(() => stage?.close());

const sameBytes = (script: SessionScript): Promise<void> =>
  expectSameBytes(stage, script, { tlsCa: certificates.ca });

const logIn = (port = stage.port): Promise<RawConnection> =>
  connectRaw({ host: '127.0.0.1', port, user: 'root', database: 'app', tlsCa: certificates.ca });

describe('the bytes are the same', () => {
  it('of text, prepared statements, several results, errors, a file and another user', () =>
    sameBytes(async (session) => {
      await session.query("SHOW SESSION STATUS LIKE 'Ssl_version'");
      await session.query('SELECT id, name, NULL, UNHEX(HEX(name)) FROM t ORDER BY id');
      await session.query("INSERT INTO t (id, name) VALUES (3, 'three'); SELECT COUNT(*) FROM t; nonsense");
      await session.query('CALL two(7)');
      const id = await session.prepare('SELECT name FROM t WHERE id = ? OR name = ?');
      for (const name of ['two', 'none']) {
        await session.command(COM.STMT_EXECUTE, execute(id, [integer(1), text(name)]), 'query');
      }
      session.send(
        Buffer.concat([
          Buffer.of(COM.QUERY),
          Buffer.from("LOAD DATA LOCAL INFILE 'f' INTO TABLE t (id, name)"),
        ]),
      );
      await session.readReply('query', { f: Buffer.from('10\tten\n11\televen\n') });
      await session.changeUser('root', '', 'app');
      await session.query('SELECT 1');
      await session.command(COM.RESET_CONNECTION, '', 'ok');
    }));

  it('of values around and above 16 MiB, both ways, and they reach the shadow', async () => {
    const before = await mirrored(stage.proxy, { kind: 'write', outcome: 'mirrored' });
    await sameBytes(async (session) => {
      const literal = Buffer.alloc(17 * MEBIBYTE, 0x61);
      await session.query(
        Buffer.concat([Buffer.from("INSERT INTO t (id, body) VALUES (20, '"), literal, Buffer.from("')")]),
      );
      await session.query('SELECT body, MD5(body) FROM t WHERE id = 20');
      for (const length of [0xff_ffff - 5, 0xff_ffff - 4, 0xff_ffff - 3])
        await session.query(`SELECT REPEAT('x', ${length})`);
    });
    await untilMirrorIsIdle(stage.proxy);
    expect((await mirrored(stage.proxy, { kind: 'write', outcome: 'mirrored' })) - before).toBe(1);
    const [row] = await stage.fresh.query<RowDataPacket[]>(
      "SELECT LENGTH(body) AS length, MD5(body) = MD5(REPEAT('a', 17825792)) AS same FROM app_new.t WHERE id = 20",
    );
    expect(row).toEqual({ length: 17 * MEBIBYTE, same: 1 });
  });
});

describe('the flow and the end', () => {
  it('a client that does not read holds the server up, not the proxy’s memory, and gets everything', async () => {
    const rows = 100;
    const client = await logIn();
    await client.query('SELECT 1');
    const [residentBefore, relayedBefore] = [residentBytes(stage.proxy.pid), await relayedToClient()];
    client.pauseReading();
    client.sendBytes(command(COM.QUERY, `SELECT REPEAT('x', ${MEBIBYTE}) FROM seq_1_to_${rows}`));
    let last = -1;
    await waitFor(
      async () => {
        const now = await relayedToClient();
        const stands = now === last && now > relayedBefore;
        last = now;
        return stands;
      },
      { what: 'the relay to stand still', timeoutMs: 30_000 },
    );
    expect(last - relayedBefore).toBeLessThan((rows / 2) * MEBIBYTE);
    expect(residentBytes(stage.proxy.pid) - residentBefore).toBeLessThan((rows / 2) * MEBIBYTE);
    client.resumeReading();
    const reply = await client.readReply('query');
    expect(reply.results[0]?.rows).toHaveLength(rows);
    client.close();
  });

  it('a client that stops sending hears the rest, directly and through the proxy', async () => {
    const heard = async (port: number): Promise<string> => {
      const client = await logIn(port);
      const before = client.received().length;
      client.sendBytes(command(COM.QUERY, "SELECT REPEAT('y', 100000), SLEEP(0.2)"));
      client.end();
      await waitFor(() => client.isClosed(), { what: 'the server to close' });
      return client.received().subarray(before).toString('latin1');
    };
    expect(await heard(stage.port)).toBe(await heard(stage.old.port));
  });

  it('a session that the server ends hears so, and the next one is served', async () => {
    const client = await logIn();
    await stage.old.query(`KILL ${client.connectionId}`);
    await waitFor(() => client.isClosed(), { what: 'the session to end' });
    expect((await (await logIn()).query('SELECT 1')).error).toBeNull();
  });

  it('a client that breaks off in mid-reply ends its session on the old server', async () => {
    const client = await logIn();
    client.sendBytes(command(COM.QUERY, `SELECT REPEAT('x', ${MEBIBYTE}), SLEEP(0) FROM seq_1_to_500`));
    await waitFor(() => client.received().length > MEBIBYTE, { what: 'some rows' });
    client.close();
    await waitFor(
      async () => {
        const [row] = await stage.old.query<RowDataPacket[]>(
          `SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE ID = ${client.connectionId}`,
        );
        return Number(row?.n) === 0;
      },
      { what: 'the old server to be rid of it' },
    );
  });
});

function relayedToClient(): Promise<number> {
  return stage.proxy.metric('understudy_relayed_bytes_total', { direction: 'to_client' });
}
