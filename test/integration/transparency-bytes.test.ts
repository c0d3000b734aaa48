/**
 * Invariant 1 where the bytes themselves are awkward: character sets with 0x5c in second bytes, large values
 * and results, commands split and joined at odd places, clients that stop reading or stop sending.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { residentBytes } from '../harness/processes.ts';
import { createRandom } from '../harness/random.ts';
import { COM, connectRaw } from '../harness/recorder.ts';
import { CLIENT } from '../harness/reply-reader.ts';
import { waitFor } from '../harness/wait.ts';
import { command, execute, integer, longData, sentAhead, text, uint32 } from './command-bytes.ts';
import { expectSameBytes, type SessionScript } from './same-bytes.ts';
import { mirrored, type Stage, startStage, untilMirrorIsIdle } from './stage.ts';

const MEBIBYTE = 1024 * 1024;
const SCHEMA = `
  CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(200));
  INSERT INTO t VALUES (1, 'one'), (2, 'two');
  CREATE TABLE blobs (id INT PRIMARY KEY, body LONGBLOB);
  CREATE TABLE words (id INT PRIMARY KEY, gbk VARCHAR(40) CHARACTER SET gbk, sjis VARCHAR(40) CHARACTER SET sjis,
    big5 VARCHAR(40) CHARACTER SET big5, cp932 VARCHAR(40) CHARACTER SET cp932, utf8 VARCHAR(40))`;

let stage: Stage;
beforeAll(async () => {
  // What is read into the mirror here is large: the queue must not be what these tests meet.
  const queue = { bytes: 256 * MEBIBYTE, statementBytes: 32 * MEBIBYTE, unitBytes: 64 * MEBIBYTE };
  stage = await startStage({ schema: SCHEMA, config: { queue } });
});
afterAll(() => stage?.close());

/** Two-byte characters whose second byte is a backslash in ASCII, and each set's collation id. */
const CHARSETS = [
  { name: 'gbk', collation: 28, awkward: Buffer.from([0xb0, 0xa1, 0x81, 0x5c, 0xd5, 0x5c]) },
  { name: 'sjis', collation: 13, awkward: Buffer.from([0x82, 0xa0, 0x95, 0x5c, 0x83, 0x5c]) },
  { name: 'big5', collation: 1, awkward: Buffer.from([0xa4, 0xa4, 0xb3, 0x5c, 0xa5, 0x5c]) },
  { name: 'cp932', collation: 95, awkward: Buffer.from([0x82, 0xa0, 0x94, 0x5c, 0x83, 0x5c]) },
  { name: 'utf8', collation: 45, awkward: Buffer.from('😀\\\\ ¥ 海') },
] as const;

describe('invariant 1: character sets whose second bytes may be 0x5c', () => {
  const statements = (name: string, awkward: Buffer): Buffer[] => {
    const quoted = Buffer.concat([Buffer.from("'"), awkward, Buffer.from("'")]);
    const sql = (before: string, after: string): Buffer =>
      Buffer.concat([Buffer.from(before), quoted, Buffer.from(after)]);
    return [
      sql(`INSERT INTO words (id, ${name}) VALUES (1, `, `), (2, 'plain')`),
      sql(`UPDATE words SET ${name} = CONCAT(`, ", '\\'') WHERE id = 2"),
      sql('SELECT ', ` AS it, ${name}, HEX(${name}) FROM words ORDER BY id`),
      // Read by single bytes the literal would go on to the end, and a second one would begin there.
      sql('SELECT id FROM words WHERE id = 1 AND ', " <> '; DELETE FROM words; -- '"),
      // Two statements, whose border only shows to a reader that knows where the literals end.
      Buffer.concat([
        sql(`INSERT INTO words (${name}, id) VALUES (`, ', 3); '),
        sql(`INSERT INTO words (id, ${name}) VALUES (4, `, ')'),
      ]),
      Buffer.from('SELECT COUNT(*) FROM words'),
    ];
  };

  it.each(CHARSETS)('$name, set by the login', async ({ name, collation, awkward }) => {
    const script: SessionScript = async (session) => {
      for (const sql of statements(name, awkward)) expect((await session.query(sql)).error).toBeNull();
    };
    await expectSameBytes(stage, script, { charset: collation });
    await expectSameRowsOnNew(name);
  });

  it.each(CHARSETS)('$name, set by SET NAMES', async ({ name, awkward }) => {
    const script: SessionScript = async (session) => {
      expect((await session.query(`SET NAMES ${name === 'utf8' ? 'utf8mb4' : name}`)).error).toBeNull();
      for (const sql of statements(name, awkward)) expect((await session.query(sql)).error).toBeNull();
    };
    await expectSameBytes(stage, script);
    await expectSameRowsOnNew(name);
  });

  async function expectSameRowsOnNew(name: string): Promise<void> {
    await untilMirrorIsIdle(stage.proxy);
    const sql = `SELECT id, HEX(${name}) AS it FROM words ORDER BY id`;
    const rows = await stage.old.query<RowDataPacket[]>(`USE app; ${sql}`);
    expect(rows[1]).toHaveLength(4);
    expect((await stage.fresh.query<RowDataPacket[]>(`USE app_new; ${sql}`))[1]).toEqual(rows[1]);
  }
});

describe('invariant 1: large values and results', () => {
  it('20 MB values both ways, in literals, as long data and by sizes around 16 MiB', async () => {
    const body = createRandom(1)
      .bytes(64 * 1024)
      .toString('hex')
      .repeat(160);
    const script: SessionScript = async (session) => {
      expect(body.length).toBeGreaterThan(20_000_000);
      const sql = `INSERT INTO blobs VALUES (1, '${body}')`;
      expect((await session.query(sql)).results[0]?.affectedRows).toBe(1n);
      const insert = await session.prepare('INSERT INTO blobs VALUES (?, ?)');
      session.send(longData(insert, 1, Buffer.from(body)));
      const sent = await session.command(COM.STMT_EXECUTE, execute(insert, [integer(2), sentAhead]), 'query');
      expect(sent.results[0]?.affectedRows).toBe(1n);
      const read = await session.query('SELECT body FROM blobs WHERE id IN (1, 2)');
      expect(read.results[0]?.rows.map((row) => row.length)).toEqual([body.length + 9, body.length + 9]);
      // A payload of exactly 0xffffff bytes is followed by an empty packet.
      for (const more of [-1, 0, 1]) {
        const edge = await session.query(`SELECT REPEAT('b', ${0xff_ff_ff - 4 + more})`);
        expect(edge.results[0]?.rows[0]).toHaveLength(0xff_ff_ff + more);
        const padding = 0xff_ff_ff + more - 'xSELECT 1'.length;
        expect((await session.query(`SELECT 1${' '.repeat(padding)}`)).error).toBeNull();
      }
      expect((await session.query('SELECT 1')).error).toBeNull();
    };
    await expectSameBytes(stage, script, { capabilities: CLIENT.DEPRECATE_EOF });
    await waitFor(async () => (await mirrored(stage.proxy, { outcome: 'mirrored', kind: 'write' })) >= 2, {
      what: 'both values to be mirrored',
    });
  });

  it.each([
    ['text', {}],
    ['text with DEPRECATE_EOF', { capabilities: CLIENT.DEPRECATE_EOF }],
  ])('100,000 rows and more, %s and binary, and none', async (_name, options) => {
    const script: SessionScript = async (session) => {
      const sql = "SELECT seq, CONCAT('row ', seq), NULLIF(seq % 7, 0) FROM seq_1_to_100000";
      expect((await session.query(sql)).results[0]?.rows).toHaveLength(100_000);
      expect((await session.query('SELECT seq FROM seq_1_to_10 WHERE seq > 10')).results[0]?.rows).toEqual(
        [],
      );
      const id = await session.prepare(`${sql} WHERE seq > ?`);
      const read = await session.command(COM.STMT_EXECUTE, execute(id, [integer(0)]), 'query');
      expect(read.results[0]?.rows).toHaveLength(100_000);
      const opened = await session.command(
        COM.STMT_EXECUTE,
        execute(id, [integer(50_000)], { cursor: 1 }),
        'query',
      );
      expect(opened.error).toBeNull();
      const fetch = Buffer.concat([uint32(id), uint32(60_000)]);
      expect((await session.command(COM.STMT_FETCH, fetch, 'fetch')).results[0]?.rows).toHaveLength(50_000);
    };
    await expectSameBytes(stage, script, options);
  });
});

describe('invariant 1: commands that come in pieces, or many at once', () => {
  const pipelined: readonly (readonly [Buffer, 'query' | 'ok' | 'prepare'])[] = Array.from(
    { length: 400 },
    (_, index) => {
      switch (index % 8) {
        case 0:
          return [
            command(COM.QUERY, `INSERT INTO t VALUES (${1000 + index}, 'row ${index}')`),
            'query',
          ] as const;
        case 1:
          return [command(COM.PING), 'ok'] as const;
        case 2:
          return [command(COM.QUERY, 'SELECT id, name FROM t WHERE id < 3 ORDER BY id'), 'query'] as const;
        case 3:
          return [command(COM.QUERY, 'SELECT nothing FROM t'), 'query'] as const;
        case 4:
          return [command(COM.QUERY, `DELETE FROM t WHERE id = ${1000 + index - 4}`), 'query'] as const;
        case 5:
          return [command(COM.QUERY, "SELECT 1; SELECT REPEAT('long ', 5000); DO 0"), 'query'] as const;
        case 6:
          return [command(COM.INIT_DB, 'app'), 'ok'] as const;
        default:
          return [command(COM.STMT_EXECUTE, execute(9_999_999)), 'query'] as const;
      }
    },
  );
  const bytes = Buffer.concat(pipelined.map(([sent]) => sent));

  it('hundreds of pipelined commands in one write', async () => {
    const script: SessionScript = async (session) => {
      session.sendBytes(bytes);
      for (const [, kind] of pipelined) await session.readReply(kind);
      expect((await session.query('SELECT COUNT(*) FROM t')).error).toBeNull();
    };
    await expectSameBytes(stage, script);
    await expectSameBytes(stage, script, { capabilities: CLIENT.DEPRECATE_EOF });
  });

  it('the same, split at odd places, pausing in between', async () => {
    const script: SessionScript = async (session) => {
      const random = createRandom(7);
      for (let at = 0; at < bytes.length; ) {
        const length = random.integer(1, 60);
        session.sendBytes(bytes.subarray(at, at + length));
        at += length;
        await turn();
      }
      for (const [, kind] of pipelined) await session.readReply(kind);
    };
    await expectSameBytes(stage, script);
  });

  it('a slow client, byte by byte', async () => {
    const script: SessionScript = async (session) => {
      const id = await session.prepare('SELECT * FROM t WHERE id IN (?, ?) ORDER BY id');
      const slow = Buffer.concat([
        command(COM.QUERY, "INSERT INTO t VALUES (50, 'fifty'), (51, '''')"),
        command(COM.STMT_EXECUTE, execute(id, [integer(50), text('51')])),
        command(COM.QUERY, 'SELECT 1; SELECT 2'),
      ]);
      for (const byte of slow) {
        session.sendBytes(Buffer.of(byte));
        await turn();
      }
      for (const rows of [0, 2, 1])
        expect((await session.readReply('query')).results[0]?.rows).toHaveLength(rows);
    };
    await expectSameBytes(stage, script);
  });

  it('executions pipelined behind a prepare whose id is not known yet', async () => {
    const last = 0xffff_ffff;
    const script: SessionScript = async (session) => {
      const sent = [
        command(COM.STMT_PREPARE, 'UPDATE t SET name = ? WHERE id = ?'),
        command(COM.STMT_EXECUTE, execute(last, [text('a'), integer(1)])),
        command(COM.STMT_EXECUTE, execute(last, [text('b'), integer(2)])),
        command(COM.STMT_CLOSE, uint32(last)),
        command(COM.QUERY, 'SELECT * FROM t ORDER BY id'),
      ];
      session.sendBytes(Buffer.concat(sent));
      expect((await session.unstable(() => session.readReply('prepare'))).error).toBeNull();
      for (let left = 2; left > 0; left -= 1) {
        expect((await session.readReply('query')).results[0]?.affectedRows).toBe(1n);
      }
      await session.readReply('query');
    };
    await expectSameBytes(stage, script);
  });
});

describe('invariant 1: clients that stop', () => {
  it('a half-close behind a query: the reply still comes, then the end', async () => {
    const script: SessionScript = async (session) => {
      session.sendBytes(command(COM.QUERY, 'SELECT seq, SLEEP(0.0001) FROM seq_1_to_2000'));
      session.end();
      expect((await session.readReply('query')).results[0]?.rows).toHaveLength(2000);
      expect(await session.readUntilClosed()).toHaveLength(0);
    };
    await expectSameBytes(stage, script);
  });

  it('a half-close in the middle of a command: the end, without a reply', async () => {
    const script: SessionScript = async (session) => {
      session.sendBytes(command(COM.QUERY, "INSERT INTO t VALUES (60, 'never')").subarray(0, 20));
      session.end();
      await session.readUntilClosed();
    };
    await expectSameBytes(stage, script);
  });

  it('LOCAL INFILE broken off by the client: no row comes of it, and others go on', async () => {
    const other = await connectRaw({ host: '127.0.0.1', port: stage.port, user: 'root', database: 'app' });
    await stage.reset();
    const client = await connectRaw({ host: '127.0.0.1', port: stage.port, user: 'root', database: 'app' });
    client.send(Buffer.from("\x03LOAD DATA LOCAL INFILE 'f' INTO TABLE t"));
    await client.readPackets(1);
    client.sendBytes(Buffer.concat([Buffer.of(100, 0, 0, 2), Buffer.from('70\thalf a pack')]));
    client.close();
    await waitFor(
      async () => {
        const [rows] = [await stage.old.query<RowDataPacket[]>('SHOW PROCESSLIST')];
        return rows.every((row) => Number(row.Id) !== client.connectionId);
      },
      { what: 'the server to see the connection gone' },
    );
    expect(
      (await other.query('SELECT COUNT(*) FROM t WHERE id >= 70')).results[0]?.rows[0]?.toString('latin1'),
    ).toBe('\x010');
    other.close();
  });

  it('a client that stops reading a big result, and goes on: the proxy holds little of it', async () => {
    const rows = 96;
    const client = await connectRaw({ host: '127.0.0.1', port: stage.port, user: 'root', database: 'app' });
    const relayed = (): Promise<number> =>
      stage.proxy.metric('understudy_relayed_bytes_total', { direction: 'to_client' });
    const relayedBefore = await relayed();
    const residentBefore = residentBytes(stage.proxy.pid);
    client.pauseReading();
    client.sendBytes(command(COM.QUERY, `SELECT REPEAT('x', ${MEBIBYTE}) FROM seq_1_to_${rows}`));
    let last = relayedBefore;
    let unchanged = 0;
    await waitFor(
      async () => {
        const now = await relayed();
        unchanged = now === last && now > relayedBefore ? unchanged + 1 : 0;
        last = now;
        return unchanged >= 5;
      },
      { what: 'nothing to flow any more' },
    );
    expect(last - relayedBefore).toBeLessThan((rows / 2) * MEBIBYTE);
    expect(residentBytes(stage.proxy.pid) - residentBefore).toBeLessThan((rows / 3) * MEBIBYTE);
    client.resumeReading();
    const reply = await client.readReply('query');
    expect(reply.results[0]?.rows).toHaveLength(rows);
    expect((await client.query('SELECT 1')).error).toBeNull();
    client.close();
  });
});

it('invariant 1: the readers kept step all the while', async () => {
  expect(await stage.proxy.metric('understudy_relay_blind_total')).toBe(0);
  expect(stage.proxy.logs()).not.toContain('please report this');
});
