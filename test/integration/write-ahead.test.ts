/**
 * Invariant 4 on the wire: when a write arrives at the primary its key stands in the journal's files, or its table, or
 * any table, however the client sends it. A relay before the primary looks at the files the moment the bytes arrive.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isExposedOnDisk, writtenOnDisk } from '../harness/journal-on-disk.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { executePayload } from '../harness/mirror-kit.ts';
import { packets, query } from '../harness/packet-writer.ts';
import { freePorts } from '../harness/ports.ts';
import { type PrimaryGate, startPrimaryGate } from '../harness/primary-gate.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { COM, connectRaw, type RawConnection } from '../harness/recorder.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';

const DISK_FAULTS = fileURLToPath(new URL('../harness/disk-faults.mjs', import.meta.url));
const SHARD = 's00';
const TABLES = `
  CREATE TABLE kept (id BIGINT PRIMARY KEY, v LONGTEXT);
  CREATE TABLE loose (id BIGINT PRIMARY KEY, v INT) ENGINE=MyISAM;
  CREATE TABLE words (word VARCHAR(1000) CHARACTER SET latin1 PRIMARY KEY, v INT);
  CREATE TABLE shaped (id BIGINT PRIMARY KEY, v INT)`;
const ACCOUNT = { host: '127.0.0.1', user: 'app', password: 'x', database: 'old' };
const PACKET_FULL = 0xff_ff_ff;

let mariadb: Mariadb;
let gate: PrimaryGate;
let proxy: RunningProxy;
const directory = temporaryDirectory('write-ahead');
const journal = join(directory, SHARD);
const diskFault = join(temporaryDirectory('disk'), 'fault');

beforeAll(async () => {
  writeFileSync(diskFault, '');
  mariadb = await startMariadb({ extra: ['--max-allowed-packet=64M'] });
  for (const name of ['old', 'new', 'elsewhere'])
    await mariadb.query(`CREATE DATABASE ${name}; USE ${name}; ${TABLES}`);
  // May do anything in the databases, and read no binlog.
  await mariadb.query(
    "CREATE USER app@'%' IDENTIFIED BY 'x'; GRANT ALL ON old.* TO app@'%'; GRANT ALL ON elsewhere.* TO app@'%'",
  );
  gate = await startPrimaryGate(mariadb.port);
  const [port = 0] = await freePorts(1);
  proxy = await startProxy({
    env: { UNDERSTUDY_TEST_DISK: JSON.stringify({ directory, control: diskFault }) },
    nodeArgs: ['--import', DISK_FAULTS],
    config: {
      tables: { kept: { key: 'id' }, loose: { key: 'id' }, words: { key: 'word' }, shaped: { key: 'id' } },
      shards: [
        {
          ...{ name: SHARD, port },
          old: { host: gate.host, port: gate.port, database: 'old' },
          new: { host: mariadb.host, port: mariadb.port, database: 'new' },
        },
      ],
      mirror: { reads: 100, writes: 100, deletes: 100 },
      // The least, so that a segment of the written log is full after 256 KiB.
      journal: { directory, maxBytes: 4 * 1024 * 1024 },
    },
  });
});

afterAll(async () => {
  await proxy?.kill9();
  await gate?.close();
  await mariadb?.destroy();
});

async function through<Result>(work: (client: RawConnection) => Promise<Result>): Promise<Result> {
  const client = await connectRaw({ ...ACCOUNT, port: proxy.port(SHARD) });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** The lines of `all` beyond those of `before`. */
function added(all: readonly string[], before: readonly string[]): string[] {
  const known = new Map<string, number>();
  for (const line of before) known.set(line, (known.get(line) ?? 0) + 1);
  return all.filter((line) => {
    const left = known.get(line) ?? 0;
    known.set(line, left - 1);
    return left <= 0;
  });
}

/** Resolves to what came into the written log from now until these bytes arrived at the primary. */
function recordedBy(bytes: string | Buffer): Promise<string[]> {
  const before = writtenOnDisk(journal);
  return new Promise((resolve) => {
    gate.onArrival(bytes, () => resolve(added(writtenOnDisk(journal), before)));
  });
}

const text = (sql: string): Buffer => packets(query(sql), 0);
const insert = (id: number, table = 'kept'): string => `INSERT INTO ${table} (id, v) VALUES (${id}, ${id})`;

/** A byte in a piece of its own, as far as the kernel lets it. */
async function byteByByte(client: RawConnection, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    client.sendBytes(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function prepare(client: RawConnection, sql: string): Promise<number> {
  const { statement } = await client.command(COM.STMT_PREPARE, sql, 'prepare');
  return statement?.id ?? expect.fail(`${sql} is not prepared`);
}

function longData(id: number, ordinal: number, value: string): Buffer {
  const head = Buffer.alloc(7);
  head[0] = COM.STMT_SEND_LONG_DATA;
  head.writeUInt32LE(id, 1);
  head.writeUInt16LE(ordinal, 5);
  return packets(Buffer.concat([head, Buffer.from(value)]), 0);
}

function reset(id: number): Buffer {
  const payload = Buffer.alloc(5);
  payload[0] = COM.STMT_RESET;
  payload.writeUInt32LE(id, 1);
  return packets(payload, 0);
}

describe('invariant 4: a write’s key is on disk before what makes the write last arrives at the primary', () => {
  const ends: [string, (client: RawConnection) => Promise<Buffer>][] = [
    ['COMMIT', async () => text('COMMIT')],
    ['a prepared COMMIT', async (client) => packets(executePayload(await prepare(client, 'COMMIT'), []), 0)],
    ['BEGIN', async () => text('BEGIN')],
    ['SET autocommit = 1', async () => text('SET autocommit = 1')],
    ['a change of definitions', async () => text('CREATE OR REPLACE TABLE elsewhere.made (a INT)')],
    ['XA PREPARE', async () => text("XA END 'x'; XA PREPARE 'x'")],
  ];

  it.each(ends)('of a transaction, before %s', async (what, end) => {
    await through(async (client) => {
      const begin =
        what === 'XA PREPARE' ? "XA START 'x'" : what.startsWith('SET') ? 'SET autocommit = 0' : 'BEGIN';
      const bytes = await end(client);
      await client.query(begin);
      const recorded = recordedBy(bytes);
      expect((await client.query(insert(2101))).error).toBeNull();
      expect((await client.query('SELECT 1')).error).toBeNull();
      // In one piece, so that nothing but the end of the transaction has the key of this one recorded.
      client.sendBytes(Buffer.concat([text(insert(2102)), bytes]));
      const lines = await recorded;
      expect(lines).toEqual(expect.arrayContaining(['kept/2101', 'kept/2102']));
      for (let left = 2; left > 0; left -= 1) expect((await client.readReply('query')).error).toBeNull();
      await client.query(what === 'XA PREPARE' ? "XA ROLLBACK 'x'" : 'COMMIT');
      await client.query('DELETE FROM kept WHERE id IN (2101, 2102)');
    });
  });

  it('of a write in a transaction that a rollback would not undo, before that', async () => {
    await through(async (client) => {
      await client.query('BEGIN');
      expect((await client.query(insert(2201))).error).toBeNull();
      const recorded = recordedBy(insert(2202, 'loose'));
      expect((await client.query(insert(2202, 'loose'))).error).toBeNull();
      expect(await recorded).toContain('loose/2202');
      await client.query('ROLLBACK');
    });
  });

  it('of a transaction that stays open, soon', async () => {
    await through(async (client) => {
      await client.query('BEGIN');
      expect((await client.query(insert(2301))).error).toBeNull();
      await waitFor(() => writtenOnDisk(journal).includes('kept/2301'), { what: 'its key on disk' });
      await client.query('ROLLBACK');
    });
  });

  it('of many that are sent at once', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => 1000 + index);
    await through(async (client) => {
      const recorded = ids.map((id) => recordedBy(insert(id)));
      client.sendBytes(Buffer.concat(ids.map((id) => text(insert(id)))));
      for (const [index, id] of ids.entries()) expect(await recorded[index]).toContain(`kept/${id}`);
      for (const _ of ids) expect((await client.readReply('query')).error).toBeNull();
    });
  });

  it('of many sessions at once', async () => {
    const clients = await Promise.all(
      Array.from({ length: 12 }, () => connectRaw({ ...ACCOUNT, port: proxy.port(SHARD) })),
    );
    try {
      for (let round = 0; round < 5; round += 1) {
        const ids = clients.map((_, index) => 5000 + 100 * round + index);
        const recorded = ids.map((id) => recordedBy(insert(id)));
        for (const [index, client] of clients.entries()) client.sendBytes(text(insert(ids[index]!)));
        for (const client of clients) expect((await client.readReply('query')).error).toBeNull();
        for (const [index, id] of ids.entries()) expect(await recorded[index]).toContain(`kept/${id}`);
      }
    } finally {
      for (const client of clients) client.close();
    }
  });

  it('of several in one text', async () => {
    await through(async (client) => {
      const recorded = recordedBy(insert(1101));
      expect((await client.query(`SET @a = 1; ${insert(1100)}; ${insert(1101)}`)).error).toBeNull();
      expect(await recorded).toEqual(expect.arrayContaining(['kept/1100', 'kept/1101']));
    });
  });

  it('of one that comes byte by byte', async () => {
    await through(async (client) => {
      const recorded = recordedBy(insert(1200));
      await byteByByte(client, text(insert(1200)));
      expect(await recorded).toEqual(['kept/1200']);
      expect((await client.readReply('query')).error).toBeNull();
    });
  });

  it('of one in several packets, and of one whose last packet is empty', async () => {
    await through(async (client) => {
      const end = "'), (1301, 'the end of seventeen megabytes')";
      const long = recordedBy(end);
      const head = "INSERT INTO kept VALUES (1300, '";
      const filled = (bytes: number): string =>
        `${head}${'x'.repeat(bytes - head.length - end.length - 1)}${end}`;
      client.sendBytes(text(filled(PACKET_FULL + 1_000_000)));
      expect(await long).toContain('kept/*');
      expect((await client.readReply('query')).error).toBeNull();
      await client.query('DELETE FROM kept WHERE id IN (1300, 1301)');
      // Not before the empty packet is the command complete.
      const empty = recordedBy(Buffer.concat([Buffer.from(end), Buffer.of(0, 0, 0, 1)]));
      const bytes = text(filled(PACKET_FULL));
      client.sendBytes(bytes.subarray(0, -1));
      client.sendBytes(bytes.subarray(-1));
      expect(await empty).toContain('kept/*');
      expect((await client.readReply('query')).error).toBeNull();
    });
  });

  it('of one behind as much text as is kept, which then may be about any table', async () => {
    await through(async (client) => {
      const recorded = recordedBy(insert(1400));
      const sql = `SELECT '${'x'.repeat(5 * 1024 * 1024)}'; ${insert(1400)}`;
      expect((await client.query(sql)).error).toBeNull();
      expect(await recorded).toContain('*/*');
      const behind = recordedBy(insert(1401));
      expect((await client.query(`/* ${'x'.repeat(5 * 1024 * 1024)} */ ${insert(1401)}`)).error).toBeNull();
      expect(await behind).toContain('*/*');
    });
  });

  it('of executions, with values sent ahead and taken back', async () => {
    await through(async (client) => {
      const id = await prepare(client, 'INSERT INTO kept (v, id) VALUES (?, ?)');
      const sent = recordedBy('1500');
      client.sendBytes(longData(id, 0, 'x'.repeat(1_000_000)));
      client.send(executePayload(id, [null, '1500']));
      expect(await sent).toEqual(['kept/1500']);
      expect((await client.readReply('query')).error).toBeNull();
      // A key that is sent ahead is not looked at: its whole table counts.
      const unseen = recordedBy('by its text alone');
      client.sendBytes(longData(id, 1, '1501'));
      client.send(executePayload(id, ['by its text alone', null]));
      expect(await unseen).toEqual(['kept/*']);
      expect((await client.readReply('query')).error).toBeNull();
      const again = recordedBy('1503');
      const execution = packets(executePayload(id, ['v', '1503']), 0);
      client.sendBytes(Buffer.concat([longData(id, 1, '1502'), reset(id), execution]));
      expect(await again).toEqual(['kept/1503']);
      expect((await client.readReply('ok')).error).toBeNull();
      expect((await client.readReply('query')).error).toBeNull();
      expect(await mariadb.query('SELECT id FROM old.kept WHERE id = 1503')).toHaveLength(1);
    });
  });

  it('of executions in another database than they were prepared in', async () => {
    await through(async (client) => {
      const id = await prepare(client, 'INSERT INTO kept (v, id) VALUES (?, ?)');
      await client.command(COM.INIT_DB, 'elsewhere', 'ok');
      const recorded = recordedBy('1600');
      client.send(executePayload(id, ['v', '1600']));
      expect(await recorded).toEqual(['kept/1600']);
      expect((await client.readReply('query')).error).toBeNull();
      expect(await mariadb.query('SELECT id FROM old.kept WHERE id = 1600')).toHaveLength(1);
    });
  });

  it('of one behind commands that are not answered yet', async () => {
    await through(async (client) => {
      const slow = recordedBy(insert(1700));
      client.sendBytes(Buffer.concat([text('SELECT SLEEP(0.2)'), text(insert(1700))]));
      expect(await slow).toEqual(['kept/1700']);
      for (let left = 2; left > 0; left -= 1) await client.readReply('query');
    });
    await through(async (client) => {
      await client.command(COM.INIT_DB, 'elsewhere', 'ok');
      const moved = recordedBy(insert(1701));
      client.sendBytes(Buffer.concat([text('USE old'), text(insert(1701))]));
      expect(await moved).toContain('*/*');
      for (let left = 2; left > 0; left -= 1) expect((await client.readReply('query')).error).toBeNull();
      expect(await mariadb.query('SELECT id FROM old.kept WHERE id = 1701')).toHaveLength(1);
    });
  });

  it('of one behind the end of a temporary table of that name', async () => {
    await through(async (client) => {
      const make = 'CREATE TEMPORARY TABLE kept (id BIGINT PRIMARY KEY, v LONGTEXT)';
      await client.query(make);
      const ended = recordedBy(insert(1800));
      expect((await client.query(`DROP TEMPORARY TABLE kept; ${insert(1800)}`)).error).toBeNull();
      expect(await ended).toEqual(['kept/1800']);
      await client.query(make);
      const piped = recordedBy(insert(1801));
      client.sendBytes(Buffer.concat([text('DROP TEMPORARY TABLE kept'), text(insert(1801))]));
      expect(await piped).toContain('*/*');
      for (let left = 2; left > 0; left -= 1) expect((await client.readReply('query')).error).toBeNull();
      expect(await mariadb.query('SELECT id FROM old.kept WHERE id IN (1800, 1801)')).toHaveLength(2);
    });
  });

  it('of one behind a change of where its key stands', async () => {
    await through(async (client) => {
      const text = 'INSERT INTO shaped VALUES (1, 1900, 2) /* here */';
      const recorded = recordedBy(text);
      expect((await client.query(`ALTER TABLE shaped ADD a INT FIRST; ${text}`)).error).toBeNull();
      const lines = await recorded;
      expect(lines.filter((line) => line === 'shaped/*')).toHaveLength(2);
    });
  });

  it('of a session whose binlog was refused', async () => {
    await through(async (client) => {
      const dump = Buffer.concat([Buffer.alloc(6), Buffer.of(77, 0, 0, 0), Buffer.from('none.000001')]);
      const refused = await client.command(0x12, dump, 'ok');
      expect(refused.error?.errno).toBe(1227);
      const recorded = recordedBy(insert(2000));
      expect((await client.query(insert(2000))).error).toBeNull();
      expect(await recorded).toEqual(['kept/2000']);
    });
  });

  it('of many, while one segment of the log follows the other', async () => {
    await through(async (client) => {
      for (let batch = 0; batch < 8; batch += 1) {
        const words = Array.from({ length: 40 }, (_, index) => `${batch}-${index}-`.padEnd(1000, 'w'));
        const recorded = words.map((word) => recordedBy(`'${word}'`));
        client.sendBytes(Buffer.concat(words.map((word) => text(`INSERT INTO words VALUES ('${word}', 1)`))));
        for (const [index, word] of words.entries()) expect(await recorded[index]).toContain(`words/${word}`);
        for (const _ of words) expect((await client.readReply('query')).error).toBeNull();
      }
    });
    expect((await proxy.status()).shards[0]?.journal).toMatchObject({ reset: false, failing: null });
  });

  it('or the disk itself says that it may not be there, where it is slow', async () => {
    writeFileSync(diskFault, 'slow');
    const missing: number[] = [];
    try {
      await Promise.all(
        [0, 1, 2].map((writer) =>
          through(async (client) => {
            for (let index = 0; index < 12; index += 1) {
              const id = 3000 + 100 * writer + index;
              gate.onArrival(insert(id), () => {
                if (!isExposedOnDisk(journal) && !writtenOnDisk(journal).includes(`kept/${id}`))
                  missing.push(id);
              });
              expect((await client.query(insert(id))).error).toBeNull();
            }
          }),
        ),
      );
    } finally {
      writeFileSync(diskFault, '');
    }
    expect(missing).toEqual([]);
  });
});

it('invariant 4: so it is where the server does not look at the case of names', async () => {
  const folding = await startMariadb({ name: 'folding', extra: ['--lower-case-table-names=1'] });
  const before = await startPrimaryGate(folding.port);
  const [port = 0] = await freePorts(1);
  const folder = temporaryDirectory('folding');
  for (const name of ['old', 'new']) await folding.query(`CREATE DATABASE ${name}; USE ${name}; ${TABLES}`);
  const one = await startProxy({
    config: {
      tables: { kept: { key: 'id' } },
      shards: [
        {
          ...{ name: SHARD, port },
          old: { host: before.host, port: before.port, database: 'old' },
          new: { host: folding.host, port: folding.port, database: 'new' },
        },
      ],
      mirror: { reads: 100, writes: 100, deletes: 100 },
      journal: { directory: folder },
    },
  });
  try {
    const client = await folding.connect({ port, database: 'OLD' });
    const sql = insert(1, 'Kept');
    const recorded = new Promise<string[]>((resolve) => {
      before.onArrival(sql, () => resolve(writtenOnDisk(join(folder, SHARD))));
    });
    await client.query(sql);
    await client.end();
    expect(await recorded).toContain('*/*');
    expect(await folding.query('SELECT id FROM old.kept')).toHaveLength(1);
  } finally {
    await one.kill9();
    await before.close();
    await folding.destroy();
  }
});
