/** Changes of definitions through the proxy, told of or replayed. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BoundDefinition } from '../../src/mirror/bound-definition.ts';
import type { Definition } from '../../src/sql/definition.ts';
import { LaneRig } from '../harness/lane-rig.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { replayOf, unitOf } from '../harness/mirror-kit.ts';
import { startMysql } from '../harness/mysql.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';
import { mirrored, NEW_DATABASE, OLD_DATABASE, SHARD, startStageProxy, untilMirrorIsIdle } from './stage.ts';

/** The proxy sums them up once a second. */
async function incidentsOf(proxy: RunningProxy, wanted = 1): Promise<IncidentGroup[]> {
  return waitFor(
    async () => {
      const response = await fetch(`${proxy.adminUrl}/api/incidents`);
      const { incidents } = (await response.json()) as { incidents: IncidentGroup[] };
      return incidents.length >= wanted ? incidents : null;
    },
    { what: 'the incidents' },
  );
}

interface IncidentGroup {
  readonly reason: string;
  readonly code: number | null;
  readonly total: number;
  readonly latest: readonly { readonly table: string | null; readonly message: string }[];
}

const NOTHING_DEFINED: Omit<Definition, 'form'> = {
  ...{ tables: [], others: [], parents: [], names: [], engines: [], columns: [] },
  ...{ rows: 'same', additive: false, atomic: true },
};

const ROW = '(folderid BIGINT, itemid BIGINT, title VARCHAR(60), PRIMARY KEY (folderid, itemid))';
const SCHEMA = `CREATE TABLE messages ${ROW}; CREATE TABLE notes ${ROW}`;

describe.each([
  ['MariaDB', startMariadb],
  ['MySQL 9', startMysql],
] as const)('MariaDB to %s, replayed', (newKind, startFresh) => {
  let old: SqlServer;
  let fresh: SqlServer;
  let proxy: RunningProxy;

  beforeAll(async () => {
    [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startFresh({ name: 'new' })]);
    await old.query(`CREATE DATABASE ${OLD_DATABASE}; USE ${OLD_DATABASE}; ${SCHEMA}`);
    await fresh.query(`CREATE DATABASE ${NEW_DATABASE}; USE ${NEW_DATABASE}; ${SCHEMA}`);
    // What the runbook asks for, and no more.
    await fresh.query(
      `CREATE USER replayer@'%' IDENTIFIED BY 'x'; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, TRIGGER ON ${NEW_DATABASE}.* TO replayer@'%'`,
    );
    proxy = await startStageProxy(
      { old, fresh },
      {
        newUser: { user: 'replayer', password: 'x' },
        tables: '*',
        ddl: 'mirror',
        lanes: { timeoutMs: 1800, ddlTimeoutMs: 60_000 },
      },
    );
  });
  afterAll(async () => {
    await proxy?.kill9();
    await Promise.all([old?.destroy(), fresh?.destroy()]);
  });

  const connect = (): Promise<Connection> => old.connect({ port: proxy.port(SHARD), database: OLD_DATABASE });
  async function run(...statements: readonly string[]): Promise<void> {
    const client = await connect();
    for (const sql of statements) await client.query(sql);
    await client.end();
    await untilMirrorIsIdle(proxy);
  }
  const rows = (server: SqlServer, table: string): Promise<RowDataPacket[]> =>
    server.query(
      `SELECT * FROM ${server === old ? OLD_DATABASE : NEW_DATABASE}.${table} ORDER BY folderid, itemid`,
    );
  async function expectSame(table: string, count?: number): Promise<void> {
    const expected = await rows(old, table);
    if (count !== undefined) expect(expected).toHaveLength(count);
    expect(await rows(fresh, table)).toEqual(expected);
  }
  const ddl = (outcome: string): Promise<number> => proxy.metric('understudy_mirror_ddl_total', { outcome });
  const doubts = (table: string): Promise<number> => proxy.metric('understudy_journal_keys', { table });
  const created = async (server: SqlServer, table: string): Promise<string> => {
    const database = server === old ? OLD_DATABASE : NEW_DATABASE;
    const [row] = await server.query<RowDataPacket[]>(`SHOW CREATE TABLE ${database}.${table}`);
    return String(row?.['Create Table']);
  };

  it('an ALTER between writes of many sessions keeps its place, and leaves no doubt', async () => {
    const before = await ddl('mirrored');
    let done = false;
    const writers = Array.from({ length: 4 }, async (_, folder) => {
      const client = await connect();
      let item = 0;
      for (; !done || item < 20; item++)
        await client.query(`INSERT INTO messages (folderid, itemid, title) VALUES (${folder}, ${item}, 'a')`);
      await client.query(`UPDATE messages SET seen = itemid WHERE folderid = ${folder}`);
      await client.end();
    });
    const client = await connect();
    await client.query('ALTER TABLE messages ADD COLUMN seen BIGINT NOT NULL DEFAULT 7');
    await client.query('INSERT INTO messages VALUES (9, 1, "b", 8)');
    await client.query('CREATE INDEX by_title ON messages (title)');
    done = true;
    await Promise.all([...writers, client.end()]);
    await untilMirrorIsIdle(proxy);
    await expectSame('messages');
    expect(await doubts('messages')).toBe(0);
    expect([(await ddl('mirrored')) - before, await mirrored(proxy, { outcome: 'failed' })]).toEqual([2, 0]);
    expect(await created(fresh, 'messages')).toContain('by_title');
  });

  it('tables that are made, swapped and dropped go along, with tables "*" new ones too', async () => {
    await run(
      `CREATE TABLE \`${OLD_DATABASE}\`.inbox ${ROW} ENGINE=MyISAM`,
      "INSERT INTO inbox VALUES (1, 1, 'old')",
      `CREATE TABLE inbox_new LIKE ${OLD_DATABASE}.inbox`,
      "INSERT INTO inbox_new VALUES (1, 1, 'new')",
      'RENAME TABLE inbox TO inbox_old, inbox_new TO inbox',
      "INSERT INTO inbox VALUES (1, 2, 'newer')",
      'CREATE TABLE passing (folderid BIGINT PRIMARY KEY)',
      'DROP TABLE passing',
    );
    await expectSame('inbox', 2);
    await expectSame('inbox_old', 1);
    expect(await created(fresh, 'inbox')).toContain('ENGINE=InnoDB');
    expect(await fresh.query(`SHOW TABLES FROM ${NEW_DATABASE} LIKE 'passing'`)).toEqual([]);
    // Rows written before the schema was read anew may be doubts; the tables are none.
    expect(await proxy.metric('understudy_journal_keys', { reason: 'table' })).toBe(0);
    expect(await ddl('failed')).toBe(0);
  });

  it('what fills rows by itself is replayed, and a doubt', async () => {
    const hazards = (): Promise<number> =>
      proxy.metric('understudy_mirror_doubts_total', { reason: 'hazard' });
    const before = await hazards();
    await run('ALTER TABLE notes ADD COLUMN at DATETIME DEFAULT NOW()');
    expect([(await hazards()) - before, await doubts('notes')]).toEqual([1, 1]);
    expect(await created(fresh, 'notes')).toContain('`at`');
  });

  it('what takes longer than a replay may is waited for, and the breaker stays shut', async () => {
    const before = await ddl('mirrored');
    const holder = await fresh.connect({ database: NEW_DATABASE });
    await holder.query('BEGIN');
    await holder.query('SELECT * FROM inbox');
    const client = await connect();
    await client.query('ALTER TABLE inbox ADD COLUMN late INT');
    await client.query("INSERT INTO inbox VALUES (2, 2, 'behind', 5)");
    await client.query("INSERT INTO messages (folderid, itemid, title) VALUES (50, 1, 'beside')");
    await client.end();
    await waitFor(async () => (await rows(fresh, 'messages')).some(({ folderid }) => folderid === 50), {
      what: 'a write of another table to pass it by',
    });
    // Longer than lanes.timeoutMs by the server's own clock; TIME begins at the replay's own TIMESTAMP on MySQL.
    let seenAt: number | null = null;
    await waitFor(
      async () => {
        const [row] = await fresh.query<RowDataPacket[]>(
          "SELECT UNIX_TIMESTAMP(SYSDATE(6)) AS at FROM information_schema.PROCESSLIST WHERE INFO LIKE 'ALTER TABLE inbox%'",
        );
        if (row === undefined) return false;
        seenAt ??= Number(row.at);
        return Number(row.at) - seenAt >= 2;
      },
      { what: 'the ALTER to have waited' },
    );
    await holder.query('ROLLBACK');
    await holder.end();
    await untilMirrorIsIdle(proxy);
    await expectSame('inbox', 3);
    expect([(await ddl('mirrored')) - before, await ddl('timed_out')]).toEqual([1, 0]);
    expect((await proxy.status()).shards[0]?.shadow.state).toBe('up');
  });

  it('what the new server refuses is told of, and the mirror goes on', async () => {
    await fresh.query(`ALTER TABLE ${NEW_DATABASE}.messages ADD COLUMN twice INT`);
    await run(
      'ALTER TABLE messages ADD COLUMN twice INT',
      'INSERT INTO notes (folderid, itemid) VALUES (8, 8)',
    );
    expect([await ddl('failed'), await doubts('messages')]).toEqual([1, 1]);
    expect((await rows(fresh, 'notes')).map(({ folderid }) => folderid)).toEqual([8]);
    const incidents = await incidentsOf(proxy);
    expect(incidents.filter(({ reason }) => reason === 'ddl_failed')).toMatchObject([
      { code: 1060, total: 1, latest: [{ table: 'messages' }] },
    ]);
  });

  it('a trigger or a view is told of, and not replayed', async () => {
    await run(
      'CREATE VIEW recent AS SELECT * FROM notes',
      'CREATE TRIGGER noted BEFORE INSERT ON inbox_old FOR EACH ROW SET NEW.title = "x"',
    );
    expect([await ddl('skipped_unsupported'), await doubts('inbox_old')]).toEqual([2, 1]);
    expect(await fresh.query(`SHOW TRIGGERS FROM ${NEW_DATABASE}`)).toEqual([]);
    const incidents = (await incidentsOf(proxy)).filter(({ reason }) => reason === 'ddl');
    expect(incidents.map(({ latest: [one] }) => one?.table ?? 'none').sort()).toEqual(['inbox_old', 'none']);
  });

  if (newKind === 'MariaDB') {
    it('by default a change of definitions is told of, and the table is a doubt', async () => {
      await proxy.kill9();
      await fresh.query(
        `DROP DATABASE ${NEW_DATABASE}; CREATE DATABASE ${NEW_DATABASE}; USE ${NEW_DATABASE}; ${SCHEMA}`,
      );
      proxy = await startStageProxy({ old, fresh }, { tables: { notes: { key: 'folderid' } } });
      await run('ALTER TABLE notes ADD COLUMN more INT', 'ALTER TABLE messages ADD COLUMN more INT');
      expect(await created(fresh, 'notes')).not.toContain('more');
      expect([await ddl('skipped_by_config'), await doubts('notes'), await doubts('messages')]).toEqual([
        1, 1, 0,
      ]);
      // The new server's table differs from then on, which is told once it is read again.
      const told = (await incidentsOf(proxy)).map(({ reason }) => reason);
      expect(told.filter((reason) => reason !== 'schema_differs')).toEqual(['ddl']);
    });
  }
});

it('a change of definitions past its own time is ended on the server too, and the breaker stays shut', async () => {
  const server = await startMariadb();
  const rig = new LaneRig({ port: server.port, lanes: { ddlTimeoutMs: 300 }, breaker: { failures: 1 } });
  try {
    const definition = new BoundDefinition(
      { form: 'alter', ...NOTHING_DEFINED },
      { tables: [], concerns: true, barriers: [] },
      { at: 'skipped', outcome: 'skipped_by_config' },
    );
    const unit = rig.offerUnit({ ...unitOf([replayOf('DO SLEEP(100)')]), definition });
    expect(await rig.ending(unit)).toBe('timed_out');
    expect(rig.lanes.status).toMatchObject({ state: 'up', lastError: null });
    await waitFor(
      async () =>
        (
          await server.query<RowDataPacket[]>(
            "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO = 'DO SLEEP(100)'",
          )
        ).length === 0,
      { what: 'its end on the server' },
    );
    expect(await rig.run([replayOf('DO 1')])).toMatchObject({ outcome: 'answered', errno: 0 });
  } finally {
    rig.close();
    await server.destroy();
  }
});
