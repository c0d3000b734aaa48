/** The sync's connections to real servers: what values look like, and what happens when something breaks. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RowRepair } from '../../src/sync/row-repair.ts';
import { ConnectionLost, QueryTimedOut } from '../../src/sync/sync-connection.ts';
import type { Row } from '../../src/sync/value.ts';
import { TargetLost } from '../../src/sync/write-refusal.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { type OpenedServer, type OpenOptions, openServer } from '../harness/sync-servers.ts';
import { waitFor } from '../harness/wait.ts';

const TABLE = `CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, d DECIMAL(20,4), at DATETIME(3), bytes VARBINARY(20),
  bits BIT(12), text VARCHAR(20) CHARACTER SET latin1, j JSON, f DOUBLE) ENGINE=InnoDB`;
const ROW = `(18446744073709551615, 1234567890123456.7000, '0000-00-00', x'00ff27', b'101', 'naïve 💤?', '{"a": 1}', 0.1)`;
/** 40 MB, more than the kernel holds of a connection. */
const WIDE = 'SELECT id, filler FROM wide, digits';
const ROWS_OF_STREAM = 200_000;

/** Passes bytes on, and ends a connection instead when its client says a certain word. */
async function startCuttingRelay(target: number) {
  let word: string | null = null;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => other.destroy());
    }
    upstream.on('data', (chunk) => client.write(chunk));
    client.on('data', (chunk) => {
      if (word === null || !chunk.includes(word)) upstream.write(chunk);
      else {
        word = null;
        cuts++;
        client.destroy();
      }
    });
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (relay.address() as AddressInfo).port,
    cutOnce(at: string): void {
      word = at;
    },
    cuts: () => cuts,
    close(): void {
      for (const socket of sockets) socket.destroy();
      relay.close();
    },
  };
}

interface Process extends RowDataPacket {
  readonly Id: number;
  readonly db: string | null;
  readonly Info: string | null;
  readonly State: string | null;
}

describe.each([
  ['MariaDB', startMariadb],
  ['MySQL 9', startMysql],
] as const)('a server of the sync, %s', (kind, start) => {
  let real: SqlServer;
  const opened: OpenedServer[] = [];

  beforeAll(async () => {
    real = await start({ name: kind });
    await real.query(`SET sql_mode = ''; CREATE DATABASE d; USE d; ${TABLE}; INSERT IGNORE INTO t VALUES ${ROW};
      CREATE TABLE wide (id INT PRIMARY KEY, filler CHAR(200) NOT NULL);
      CREATE TABLE digits (n INT); INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);
      INSERT INTO wide SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n, REPEAT('x', 200)
        FROM digits a, digits b, digits c, digits d, digits e WHERE e.n < 2`);
  });
  afterAll(async () => {
    for (const { pool } of opened) pool.close();
    await real?.destroy();
  });

  async function open({ port, ...options }: OpenOptions & { port?: number } = {}): Promise<OpenedServer> {
    const made = await openServer({ ...real, port: port ?? real.port }, 'd', options);
    opened.push(made);
    return made;
  }
  const processes = (): Promise<Process[]> => real.query<Process[]>('SHOW PROCESSLIST');
  const connections = async (): Promise<number[]> =>
    (await processes()).filter(({ db }) => db === 'd').map(({ Id }) => Id);
  const killAll = async (): Promise<void> => {
    for (const id of await connections()) await real.query(`KILL ${id}`).catch(() => {});
  };

  it('says what it is', async () => {
    const { server } = await open();
    expect(server.kind).toBe(kind === 'MariaDB' ? 'mariadb' : 'mysql');
    expect(server.version).toMatch(/^\d+\./);
    expect(server.name).toBe(`old s00 127.0.0.1:${real.port}`);
  });

  it('gives values as they are printed, and bytes where there is no character set', async () => {
    const { server } = await open();
    const expected: Row[] = [
      [
        '18446744073709551615',
        '1234567890123456.7000',
        '0000-00-00 00:00:00.000',
        Buffer.from([0, 0xff, 0x27]),
        Buffer.from([0, 5]),
        'naïve ??',
        '{"a": 1}',
        '0.1',
      ],
    ];
    expect(await server.rows('SELECT * FROM t')).toEqual(expected);
    const streamed: Row[] = [];
    for await (const row of server.stream('SELECT * FROM t WHERE id > ?', ['5'])) streamed.push(row);
    expect(streamed).toEqual(expected);
    expect(await server.rows('SELECT NULL, ? = CONCAT(?), ?', ["it's \\ 💤", "it's \\ 💤", null])).toEqual([
      [null, '1', null],
    ]);
  });

  it('makes the server wait for a slow reader, and lets go of a stream that is left', async () => {
    const { server } = await open();
    const iterator = server.stream(WIDE)[Symbol.asyncIterator]();
    await iterator.next();
    // What is not read stands in the server and the kernel: it can't have sent the 4 MB.
    await waitFor(
      async () =>
        (await processes()).some(
          ({ Info, State }) => Info?.includes('filler') && /send|writ/i.test(State ?? ''),
        ),
      { what: 'the server to wait' },
    );
    let rows = 1;
    for (let next = await iterator.next(); next.done !== true && rows < 5000; next = await iterator.next())
      rows++;
    await iterator.return?.(undefined);
    let whole = 0;
    for await (const [id] of server.stream(WIDE)) whole += Number(id) >= 0 ? 1 : 0;
    expect(whole).toBe(ROWS_OF_STREAM);
  });

  it('ends a query that takes too long, on the server too', async () => {
    const { server } = await open({ queryLimitMs: 300, streamLimitMs: 300 });
    const slow = 'SELECT COUNT(*), SUM(SHA2(CONCAT(a.filler, b.id), 256) IS NULL) FROM wide a JOIN wide b';
    await expect(server.rows(slow)).rejects.toThrow(QueryTimedOut);
    await expect(server.rows(slow)).rejects.toThrow(`old s00 127.0.0.1:${real.port}: `);
    const streamed = (async () => {
      for await (const _ of server.stream(slow));
    })();
    await expect(streamed).rejects.toThrow(QueryTimedOut);
    await waitFor(async () => (await processes()).every(({ Info }) => Info?.includes('SHA2') !== true), {
      what: 'the queries to be ended',
    });
    expect(await server.rows('SELECT 1')).toEqual([['1']]);
  });

  it('asks again on a new connection when the old one was ended', async () => {
    const { server } = await open();
    await server.rows('SELECT 1');
    await killAll();
    expect(await server.rows('SELECT 2')).toEqual([['2']]);
    const rows: Row[] = [];
    await killAll();
    for await (const row of server.stream('SELECT id FROM t')) rows.push(row);
    expect(rows).toHaveLength(1);
  });

  // MySQL takes ten seconds to.
  it.runIf(kind === 'MariaDB')(
    'comes back after a restart, and gives up on a server that stays away',
    async () => {
      const { server } = await open();
      await real.restart();
      expect(await server.rows('SELECT 3')).toEqual([['3']]);
      await real.stop();
      await expect(server.rows('SELECT 4')).rejects.toThrow(`old s00 127.0.0.1:${real.port}: `);
      await expect(openServer(real, 'd')).rejects.toThrow(/old s00 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
      await real.restart();
      expect(await server.rows('SELECT 5')).toEqual([['5']]);
    },
  );

  it.runIf(kind === 'MariaDB')('is left alone by a repair in the middle of which it is gone', async () => {
    await real.query('CREATE TABLE d.r (id INT PRIMARY KEY) ENGINE=InnoDB');
    const { server } = await open();
    let tried = 0;
    const repair = new RowRepair({
      sql: {
        identityWidth: 1,
        shown: String,
        select: (_key, identities) => identities.join(),
        remove: () => '',
        removals: () => [],
        inserts: (rows) => [`INSERT INTO r VALUES ${rows.map(([id]) => `(${id})`).join()}`],
      },
      orders: ['numeric'],
      source: { rows: (asked) => Promise.resolve(asked.split(',').map((id) => [id, id])) },
      target: {
        write: async (statements) => {
          tried++;
          if (tried === 2) await real.stop();
          return server.write(statements);
        },
      },
      rowsPerTransaction: 100,
    });
    const missing = Array.from({ length: 300 }, (_, id) => ({
      ...{ kind: 'missing' as const, identity: [String(id)], copies: 1 },
    }));
    try {
      await expect(repair.repair('1', missing)).rejects.toThrow(TargetLost);
    } finally {
      await real.restart();
    }
    // What was written, what was not, and the question whether any other would be.
    expect(tried).toBeLessThanOrEqual(3);
    expect(await server.rows('SELECT COUNT(*) FROM r')).toEqual([['100']]);
  });

  it('writes a transaction whole or not at all, and nothing where it is there to be read', async () => {
    await real.query('CREATE TABLE d.w (id INT PRIMARY KEY AUTO_INCREMENT, v TINYINT) ENGINE=InnoDB');
    const { server } = await open();
    const insert = (id: number, v: number) => ({ sql: 'INSERT INTO w VALUES (?, ?)', values: [id, v] });
    expect(await server.write([insert(0, 1), insert(7, 2)])).toBe(2);
    await expect(server.write([insert(8, 3), insert(9, 300)])).rejects.toThrow(/[Oo]ut of range/);
    await expect(server.write([insert(8, 3), insert(7, 4)])).rejects.toThrow(/Duplicate/);
    expect(await server.write([{ sql: 'UPDATE w SET v = 2', values: [] }])).toBe(1);
    expect(await server.rows('SELECT id, v FROM w ORDER BY id')).toEqual([
      ['0', '2'],
      ['7', '2'],
    ]);
    await expect(server.rows('DELETE FROM w')).rejects.toThrow(/READ ONLY/i);
    const { server: reader } = await open({ access: 'read' });
    await expect(reader.write([insert(10, 1)])).rejects.toThrow('is there to be read alone');
  });

  it('makes a transaction again that broke off, but not one that may have been kept', async () => {
    await real.query('CREATE TABLE d.k (id INT PRIMARY KEY) ENGINE=InnoDB');
    const cutting = await startCuttingRelay(real.port);
    try {
      const { server } = await open({ port: cutting.port });
      const insert = { sql: 'INSERT INTO k VALUES (1)', values: [] };
      cutting.cutOnce('INSERT');
      expect(await server.write([insert])).toBe(1);
      cutting.cutOnce('COMMIT');
      const broken = await server
        .write([{ sql: 'DELETE FROM k', values: [] }])
        .catch((error: unknown) => error);
      expect(broken).toBeInstanceOf(ConnectionLost);
      expect(broken).toMatchObject({ committing: true });
      // The relay kept the COMMIT to itself: the row is there again once the server has noticed.
      await waitFor(async () => (await server.rows('SELECT id FROM k')).length === 1, {
        what: 'the rollback',
      });
      expect(cutting.cuts()).toBe(2);
    } finally {
      cutting.close();
    }
  });

  it('has no more connections than its pool allows', async () => {
    const { server, pool } = await open({ connections: 2, waitMs: 3000 });
    const before = (await connections()).length;
    const many = Array.from({ length: 20 }, (_, n) => server.rows('SELECT ?, SLEEP(0.01)', [n]));
    const seen = await connections();
    expect((await Promise.all(many)).map(([row]) => row?.[0])).toEqual(many.map((_, n) => String(n)));
    expect(seen.length).toBeLessThanOrEqual(before + 1);
    // One place is kept for those who need something while they read a stream.
    const iterator = server.stream('SELECT id, filler FROM wide')[Symbol.asyncIterator]();
    await iterator.next();
    expect(await server.rows('SELECT 1')).toEqual([['1']]);
    const second = server.stream('SELECT id FROM wide')[Symbol.asyncIterator]();
    await expect(second.next()).rejects.toThrow('none of the 2 connections');
    await iterator.return?.(undefined);
    pool.close();
    await expect(server.rows('SELECT 1')).rejects.toThrow('are closed');
    await waitFor(async () => (await connections()).length < before, { what: 'its connections to end' });
  });
});

describe('a server whose binary log is of statements', () => {
  it('is written at an isolation that it takes', async () => {
    const server = await startMariadb({ extra: ['--log-bin', '--server-id=1', '--binlog-format=STATEMENT'] });
    try {
      await server.query('CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY) ENGINE=InnoDB');
      const opened = await openServer(server, 'd');
      expect(await opened.server.write([{ sql: 'INSERT INTO t VALUES (1)', values: [] }])).toBe(1);
      opened.pool.close();
    } finally {
      await server.destroy();
    }
  });
});
