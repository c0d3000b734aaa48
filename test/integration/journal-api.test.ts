/** The journal's three routes, as the sync uses them, of one process and of workers. */
import { join } from 'node:path';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { makeShardDatabases, shardsBetween } from '../harness/shard-databases.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { untilMirrorIsIdle } from './stage.ts';

const TOKEN = 'a-token-of-the-tests';
/** Of workers, which go by turns: s01 is the second one's. */
const SHARD = 's01';

interface Entry {
  readonly table: string;
  readonly key: string | null;
  readonly reason: string;
  readonly count: number;
}
interface Answer {
  readonly code: number;
  readonly body: {
    readonly entries: readonly Entry[];
    readonly cursor: string;
    readonly [field: string]: unknown;
  };
}

function counted(entries: readonly Entry[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { table, key, reason, count } of entries) {
    const text = `${table}/${key}/${reason}`;
    counts.set(text, (counts.get(text) ?? 0) + count);
  }
  return counts;
}

describe.each([1, 2])('the journal over HTTP, of %i process(es)', (workers) => {
  let mariadb: Mariadb;
  let config: Parameters<typeof startProxy>[0]['config'];
  let proxy: RunningProxy;

  beforeAll(async () => {
    mariadb = await startMariadb();
    await makeShardDatabases(mariadb, ['s00', SHARD]);
    config = {
      workers,
      tables: { messages: { key: 'folderid' } },
      shards: await shardsBetween(mariadb, ['s00', SHARD]),
      // Every delete is a doubt, and no write is one by itself.
      mirror: { reads: 0, writes: 100, deletes: 0 },
      journal: { directory: join(temporaryDirectory('journal-api'), 'journal') },
      admin: { token: TOKEN },
    };
    proxy = await startProxy({ config });
  });

  afterAll(async () => {
    await proxy?.kill9();
    await mariadb?.destroy();
  });

  async function ask(path: string, body?: unknown, token: string | null = TOKEN): Promise<Answer> {
    const response = await fetch(`${proxy.adminUrl}${path}`, {
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    return { code: response.status, body: (await response.json()) as Answer['body'] };
  }

  const read = (query = '') => ask(`/api/journal?shard=${SHARD}${query}`);
  const settle = (entries: readonly Entry[], cursor: string) =>
    ask('/api/journal/settle', { shard: SHARD, cursor, entries });

  /** What stays until it is settled: keys of writes go by themselves. */
  async function doubts(cursor = ''): Promise<readonly Entry[]> {
    const { body } = await read(`&cursor=${cursor}`);
    return body.entries.filter(({ reason }) => reason !== 'written');
  }

  async function run(...statements: readonly string[]): Promise<void> {
    const client = await connect();
    for (const sql of statements) await client.query(sql);
    await client.end();
    await untilMirrorIsIdle(proxy);
  }

  function connect(): Promise<Connection> {
    return mariadb.connect({ port: proxy.port(SHARD), database: `old_${SHARD}` });
  }

  async function untilDoubts(count: number): Promise<readonly Entry[]> {
    return waitFor(
      async () => {
        const found = await doubts();
        return found.length === count ? found : Promise.reject(new Error(JSON.stringify(found)));
      },
      { what: `${count} doubts` },
    );
  }

  /** Two writes of a key that the primary answers in an order which nobody outside can tell. */
  async function overlap(key: number): Promise<void> {
    const holder = await mariadb.connect({ database: `old_${SHARD}` });
    await holder.query('BEGIN');
    await holder.query(`SELECT * FROM messages WHERE folderid = ${key} FOR UPDATE`);
    const clients = await Promise.all([connect(), connect()]);
    const writes = clients.map((client, index) =>
      client.query(`UPDATE messages SET ts = ${100 + index} WHERE folderid = ${key}`),
    );
    await waitFor(
      async () => {
        const [row] = await mariadb.query<(RowDataPacket & { waiting: number })[]>(
          "SELECT COUNT(*) AS waiting FROM information_schema.processlist WHERE info LIKE 'UPDATE messages SET ts = 10%'",
        );
        return row?.waiting === 2;
      },
      { what: 'both writes to be under way' },
    );
    await holder.query('COMMIT');
    await Promise.all(writes);
    for (const client of [...clients, holder]) await client.end();
  }

  it('reads what was left out, what failed and what overlapped, with keys as text', async () => {
    await mariadb.query(`INSERT INTO new_${SHARD}.messages VALUES (2, 0)`);
    await run(
      'INSERT INTO messages VALUES (1, 1), (3, 3), (9007199254740993, 4)',
      'INSERT INTO messages VALUES (2, 2)',
      'DELETE FROM messages WHERE folderid = 9007199254740993',
      'DELETE FROM messages WHERE folderid = 9007199254740993',
    );
    await overlap(3);
    const entries = await untilDoubts(3);
    expect([...entries].sort((left, right) => left.reason.localeCompare(right.reason))).toEqual([
      { table: 'messages', key: '2', reason: 'failed', count: 1 },
      { table: 'messages', key: '9007199254740993', reason: 'not_sampled', count: 2 },
      { table: 'messages', key: '3', reason: 'overlap', count: 2 },
    ]);
    const { code, body } = await read();
    expect([code, Object.keys(body)]).toEqual([200, ['entries', 'cursor', 'reset']]);
    expect(body.reset).toBe(false);
    expect((await ask('/api/journal?shard=s00')).body.entries).toEqual([]);
  });

  it('gives pages of the size that was asked for, each entry once', async () => {
    const whole = (await read()).body.entries;
    const pages: Entry[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await read(`&cursor=${cursor}&limit=2`);
      pages.push(...body.entries);
      cursor = body.cursor;
      if (body.entries.length < 2) break;
    }
    // A key of the written log has its count in each page that it is found in.
    expect(counted(pages)).toEqual(counted(whole));
    expect(pages.filter(({ reason }) => reason !== 'written')).toEqual(await doubts());
  });

  it('goes on from a cursor when the proxy was started again', async () => {
    const { cursor } = (await read()).body;
    await proxy.stop();
    proxy = await startProxy({ config });
    expect((await doubts()).length).toBe(3);
    await run('DELETE FROM messages WHERE folderid = 1');
    await untilDoubts(4);
    const { body } = await read(`&cursor=${cursor}`);
    expect(body.reset).toBe(false);
    expect(await doubts(cursor)).toEqual([{ table: 'messages', key: '1', reason: 'not_sampled', count: 1 }]);
    expect((await settle(await doubts(), cursor)).body).toEqual({ settled: 0, kept: 4, stale: true });
  });

  it('settles what was seen, and neither what came since nor a key that was written since', async () => {
    const seen = await doubts();
    const { cursor } = (await read()).body;
    const big = seen.find(({ count, reason }) => reason === 'not_sampled' && count === 2)!;
    await run('DELETE FROM messages WHERE folderid = 1');
    const once = { ...big, count: 1 };
    const others = seen.filter((entry) => entry !== big);
    expect((await settle([...others, once], cursor)).body).toEqual({ settled: 3, kept: 1, stale: false });
    expect(await doubts()).toEqual([once, { table: 'messages', key: '1', reason: 'not_sampled', count: 2 }]);
    const again = await read();
    expect((await settle(await doubts(), again.body.cursor)).body).toMatchObject({ settled: 2, kept: 0 });
    expect(await doubts()).toEqual([]);
  });

  it('settles an entry once, where it has the mark that it was read with', async () => {
    await run('DELETE FROM messages WHERE folderid = 1', 'DELETE FROM messages WHERE folderid = 1');
    await untilDoubts(1);
    const { entries, cursor } = (await read('&part=doubts&marks=yes')).body;
    const mark = expect.stringMatching(/./);
    expect(entries).toEqual([{ table: 'messages', key: '1', reason: 'not_sampled', count: 2, mark }]);
    const half = entries.map((entry) => ({ ...entry, count: 1 }));
    expect((await settle(half, cursor)).body).toEqual({ settled: 1, kept: 0, stale: false });
    // The mark is gone since.
    expect((await settle(half, cursor)).body).toEqual({ settled: 0, kept: 1, stale: false });
    const left = await doubts();
    expect(left).toEqual([{ table: 'messages', key: '1', reason: 'not_sampled', count: 1 }]);
    expect((await settle(left, cursor)).body).toEqual({ settled: 1, kept: 0, stale: false });
  });

  it('ends a reset by its epoch alone', async () => {
    const epoch = (await proxy.status()).shards.find(({ name }) => name === SHARD)?.journal.epoch;
    expect((await ask('/api/journal/full-pass', { shard: SHARD, epoch })).body).toEqual({ reset: false });
    const refused = await ask('/api/journal/full-pass', { shard: SHARD, epoch: 7 });
    expect(refused).toMatchObject({ code: 409, body: { error: 'conflict' } });
  });

  it.each<[string, number, RegExp, unknown?]>([
    [`/api/journal?shard=${SHARD}&cursor=nonsense`, 400, /^cursor: is none that this journal gave/],
    [`/api/journal?shard=${SHARD}&limit=0`, 400, /^limit: must be a whole number from 1 to 10000/],
    [`/api/journal?shard=${SHARD}&limit=10001`, 400, /^limit: must be a whole number from 1 to 10000/],
    [`/api/journal?shard=${SHARD}&marks=1`, 400, /^marks: must be "yes" or "no"/],
    [`/api/journal?shard=${SHARD}&limit=x`, 400, /^limit: must be a whole number from 1 to 10000/],
    ['/api/journal', 400, /^shard: is missing/],
    ['/api/journal?shard=s99', 404, /^shard: no shard is named "s99" here/],
    ['/api/journal/settle', 404, /^shard: no shard/, { shard: 's99', cursor: '', entries: [] }],
    ['/api/journal/settle', 400, /^cursor: is none/, { shard: SHARD, cursor: 'nonsense', entries: [] }],
    ['/api/journal/settle', 400, /^cursor: is missing.*; entries: /, { shard: SHARD }],
    [
      '/api/journal/settle',
      400,
      /^entries: reason must be one of written, /,
      { shard: SHARD, cursor: '', entries: [{ table: 'messages', key: '1', reason: 'odd', count: 1 }] },
    ],
    ['/api/journal/full-pass', 404, /^shard: no shard/, { shard: 's99', epoch: 0 }],
    ['/api/journal/full-pass', 400, /^epoch: /, { shard: SHARD, epoch: -1 }],
  ])('%s answers %i', async (path, code, message, body) => {
    expect(await ask(path, body)).toEqual({
      code,
      body: { error: code === 404 ? 'not_found' : 'bad_request', message: expect.stringMatching(message) },
    });
  });

  it.each([null, 'another-token-of-the-tests'])('is for those with the token: %s has none', async (token) => {
    expect((await ask(`/api/journal?shard=${SHARD}`, undefined, token)).code).toBe(401);
    const body = { shard: SHARD, cursor: '', entries: [] };
    expect((await ask('/api/journal/settle', body, token)).code).toBe(401);
    expect((await ask('/api/journal/full-pass', { shard: SHARD, epoch: 0 }, token)).code).toBe(401);
  });
});
