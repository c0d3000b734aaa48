/** Several processes share one sync by etcd: each range is one process's at a time, and nothing is lost with any. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { EtcdSharedStore } from '../../src/control/etcd-shared-store.ts';
import { freePort } from '../harness/ports.ts';
import { startProxy } from '../harness/proxy.ts';
import {
  PREFIX,
  type SharedSyncStage,
  type SyncEnd,
  startSharedSyncStage,
} from '../harness/shared-sync-stage.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';
import { untilMirrorIsIdle } from './stage.ts';

const FOLDERS = 200;
/** Groups of both tables. */
const GROUPS = 2 * FOLDERS;

let stage: SharedSyncStage;

beforeAll(async () => {
  stage = await startSharedSyncStage();
});

afterAll(() => stage?.close());

/** What stands in the way of a repair. */
const obstacles: Connection[] = [];
afterEach(async () => {
  // A test that failed would leave its locks, its processes and their ranges to the next ones.
  for (const row of obstacles.splice(0)) row.destroy();
  await stage?.clear();
});

/** Eight groups, of which the one of folder 1000 is on the new side alone. */
async function corrupt(): Promise<void> {
  await stage.spoil(
    'DELETE FROM messages WHERE folderid IN (7, 70, 140)',
    "UPDATE messages SET title = 'other' WHERE folderid IN (20, 190)",
    "INSERT INTO messages VALUES (1000, 1, 'extra')",
    "UPDATE notes SET body = NULL WHERE owner = 'o12'",
    "DELETE FROM notes WHERE owner = 'o150' LIMIT 1",
  );
}
const CORRUPTED = 8;
const PAUSE = `${PREFIX}sync/pause`;
/** What the new server is asked from now on. */
const LOG_ON = 'SET GLOBAL log_output = "TABLE", general_log = ON; TRUNCATE mysql.general_log';
const LOG_OFF = 'SET GLOBAL general_log = OFF';

/** A repair of folder 7 stands still, in the middle of its transaction, until the function is called. */
async function inTheWay(): Promise<() => Promise<void>> {
  const row = await stage.fresh.connect({ database: 'mc_new' });
  obstacles.push(row);
  await row.query('START TRANSACTION');
  await row.query("INSERT INTO messages VALUES (7, 18, 'in the way')");
  return async () => {
    await row.query('ROLLBACK');
    await row.end();
  };
}

/** Another process has the range that one was lost with. */
async function untilItTakesOver(): Promise<void> {
  await waitFor(async () => (await stage.state()).claims.length > 0, { what: 'another to have the range' });
}

async function untilRepairStands(): Promise<void> {
  await waitFor(
    async () => {
      const waiting = await stage.fresh.query<RowDataPacket[]>(
        "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'",
      );
      return waiting.length > 0;
    },
    { what: 'a repair to stand still' },
  );
}

function fullCounts({ report }: SyncEnd): readonly (readonly unknown[])[] | undefined {
  return report?.passes.map(({ kind, counts, failed }) => [
    kind,
    counts.groups,
    counts.settled.repaired,
    failed,
  ]);
}

describe('processes of the same options', () => {
  it('share one sync, each with ranges of its own, and tell the same of all of it', async () => {
    await stage.fill(FOLDERS);
    await corrupt();
    await stage.etcd.put(PAUSE, 'until both are there');
    const runs = await Promise.all([stage.start('--full'), stage.start('--full')]);
    await waitFor(async () => new Set((await stage.state()).claims.map(({ member }) => member)).size === 2, {
      what: 'both to have a range',
    });
    await stage.etcd.del(PAUSE);
    const [one, other] = await Promise.all(runs.map((run) => run.end()));
    expect(one!.exit.code, one!.said).toBe(0);
    expect(other!.report).toEqual(one!.report);
    expect(one!.report?.passes.map(({ takenOver }) => takenOver)).toEqual([0, 0]);
    expect(fullCounts(one!)).toEqual([
      ['full', GROUPS + 1, CORRUPTED, 0],
      ['full', GROUPS, 0, 0],
    ]);
    expect(
      [one!.said, other!.said].filter((said) => said.includes('takes part in the sync that runs on')),
    ).toHaveLength(1);
    expect(await stage.differing()).toEqual([]);
    expect([...(await stage.state()).all.keys()]).toEqual([]);
  });

  it('take over what one had that was killed, from where it was, and count everything once', async () => {
    await stage.fill(FOLDERS);
    await corrupt();
    const clear = await inTheWay();
    const lost = await stage.start('--full');
    await untilRepairStands();
    await lost.child.kill9();
    await stage.endLeases();
    const other = await stage.start('--full');
    await clear();
    const end = await other.end();
    expect(end.exit.code, end.said).toBe(0);
    expect(end.said).toMatch(/takes part in the sync|goes on where the sync before/);
    expect(end.report?.passes.map(({ takenOver }) => takenOver)).toEqual([1, 0]);
    expect(end.said).toContain('taken over from processes that were lost: 1 range;');
    expect(fullCounts(end)).toEqual([
      ['full', GROUPS + 1, CORRUPTED, 0],
      ['full', GROUPS, 0, 0],
    ]);
    expect(await stage.differing()).toEqual([]);
  });

  it('wait for an etcd that is away for a while', async () => {
    await stage.fill(FOLDERS);
    await corrupt();
    const clear = await inTheWay();
    const run = await stage.start('--full');
    await untilRepairStands();
    await stage.etcd.kill9();
    await clear();
    await waitFor(() => run.child.stderr().includes('the sync waits for it'), { what: 'it to tell' });
    await stage.etcd.restart();
    const end = await run.end();
    expect(end.exit.code, end.said).toBe(0);
    expect(end.said).toContain('etcd answers again');
    expect(await stage.differing()).toEqual([]);
  });

  it('give up on an etcd that stays away, write nothing without it, and go on when they are started again', async () => {
    await stage.fill(FOLDERS);
    await corrupt();
    const clear = await inTheWay();
    const impatient = stage.configWith({ etcdTimeoutMs: 1000 });
    const run = await stage.start('--full', '--config', impatient);
    await untilRepairStands();
    const before = await stage.differing();
    await stage.etcd.kill9();
    await stage.fresh.query(LOG_ON);
    await clear();
    const end = await run.end();
    const begun = await stage.fresh.query<RowDataPacket[]>(
      "SELECT argument FROM mysql.general_log WHERE argument = 'START TRANSACTION'",
    );
    await stage.fresh.query(LOG_OFF);
    expect([end.exit.code, end.report]).toEqual([1, null]);
    expect(end.said).toMatch(/the sync waits for it, 1 seconds at most/);
    expect(end.said).toMatch(
      /etcd .*; 1 seconds have passed without an answer\. Nothing is lost: the same sync, started again, goes on/,
    );
    expect(begun).toEqual([]);
    // What was under way is done as a whole.
    const after = await stage.differing();
    const groupOf = (row: string): unknown => Object.values(JSON.parse(row))[0];
    const left = new Set(after.map(groupOf));
    expect(before.filter((row) => left.has(groupOf(row)))).toEqual(after);
    expect(after.length).toBeLessThan(before.length);
    const early = await (await stage.start('--full')).end();
    expect([early.exit.code, early.said]).toEqual([1, expect.stringContaining('--alone goes without etcd')]);
    await stage.etcd.restart();
    await stage.endLeases();
    const again = await (await stage.start('--full')).end();
    expect(again.exit.code, again.said).toBe(0);
    expect(again.said).toMatch(/takes part in the sync|goes on where the sync before/);
    expect(fullCounts(again)?.at(-1)).toEqual(['full', GROUPS, 0, 0]);
    expect(await stage.differing()).toEqual([]);
    expect([...(await stage.state()).all.keys()]).toEqual([]);
  });
});

it('one that was taken for lost writes nothing any more for what another has', async () => {
  await stage.fill(FOLDERS);
  await stage.spoil('DELETE FROM messages WHERE folderid = 7');
  await stage.fresh.query(LOG_ON);
  const clear = await inTheWay();
  const lost = await stage.start('--full', '--table', 'messages');
  await untilRepairStands();
  lost.child.pause();
  await stage.endLeases();
  const other = await stage.start('--full', '--table', 'messages');
  await untilItTakesOver();
  await stage.old.query("UPDATE mc_old.messages SET title = 'newer' WHERE folderid = 7");
  await clear();
  const end = await other.end();
  expect(end.exit.code, end.said).toBe(0);
  const after = await writers();
  expect(after.length).toBe(2);
  lost.child.resume();
  await lost.end();
  expect(await writers()).toEqual(after);
  expect(await stage.differing()).toEqual([]);
  await stage.fresh.query(LOG_OFF);
});

/** Connections that have written to the folder, in their order. */
async function writers(): Promise<readonly number[]> {
  const found = await stage.fresh.query<RowDataPacket[]>(
    `SELECT thread_id FROM mysql.general_log WHERE command_type = 'Query' AND argument LIKE 'DELETE FROM %messages%'
     ORDER BY event_time`,
  );
  return found.map(({ thread_id }) => Number(thread_id));
}

it('processes with the same keys share out the tables', async () => {
  await stage.fill(FOLDERS);
  await corrupt();
  await stage.etcd.put(PAUSE, 'until both are there');
  const args = ['--keys', '7,20,70,1000,1001'];
  const runs = await Promise.all([stage.start(...args), stage.start(...args)]);
  await waitFor(async () => new Set((await stage.state()).claims.map(({ table }) => table)).size === 2, {
    what: 'each to have a table',
  });
  await stage.etcd.del(PAUSE);
  const [one, other] = await Promise.all(runs.map((run) => run.end()));
  expect(other!.report, other!.said).toEqual(one!.report);
  expect(fullCounts(one!)).toEqual([
    ['keys', 4, 4, 0],
    ['keys', 3, 0, 0],
  ]);
});

it('a lease that has ended already is let go of at once: a process must not wait for etcd at its end', async () => {
  const faults: (string | null)[] = [];
  const { etcd } = loadConfig(stage.configWith({}));
  const store = new EtcdSharedStore({
    ...{ etcd: etcd!, now: () => performance.now(), patienceMs: 1000, told: (fault) => faults.push(fault) },
  });
  try {
    const lease = await store.grant(60);
    await store.revoke(lease);
    await store.revoke(lease);
    expect(faults).toEqual([]);
  } finally {
    store.close();
  }
});

it('a journal goes from one process that is stopped to another, and what is noted then stays in it', async () => {
  await stage.fill(FOLDERS);
  await stage.spoil('DELETE FROM messages WHERE folderid = 7');
  const place = ({ host, port }: SqlServer, database: string) => ({ host, port, database });
  const proxy = await startProxy({
    config: {
      tables: { messages: { key: 'folderid' }, notes: { key: 'owner' } },
      shards: [
        {
          ...{ name: 's00', port: await freePort() },
          ...{ old: place(stage.old, 'mc_old'), new: place(stage.fresh, 'mc_new') },
        },
      ],
      // Every write is a doubt.
      mirror: { reads: 0, writes: 0, deletes: 0 },
    },
  });
  try {
    const client = await stage.old.connect({ port: proxy.port('s00'), database: 'mc_old' });
    const write = (title: string) =>
      client.query(`UPDATE messages SET title = '${title}' WHERE folderid IN (7, 20)`);
    await write('one');
    await untilMirrorIsIdle(proxy);
    const args = ['--journal', '--proxy', proxy.adminUrl];
    const clear = await inTheWay();
    const lost = await stage.start(...args);
    await untilRepairStands();
    lost.child.pause();
    await stage.endLeases();
    const other = await stage.start(...args);
    await untilItTakesOver();
    await clear();
    const end = await other.end();
    expect([end.exit.code, end.report?.journal], end.said).toEqual([0, { keys: 0, reset: [] }]);
    expect(end.report?.passes[0]).toMatchObject({ journal: { entries: 2, settled: 2 }, takenOver: 1 });
    await write('two');
    await client.end();
    await untilMirrorIsIdle(proxy);
    lost.child.resume();
    await lost.end();
    expect((await proxy.status()).shards[0]?.journal.keys).toBe(2);
    const last = await (await stage.start(...args)).end();
    expect([last.exit.code, await stage.differing()], last.said).toEqual([0, []]);
  } finally {
    await proxy.kill9();
  }
});
