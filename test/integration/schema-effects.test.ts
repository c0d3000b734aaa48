/** What the old schema does behind a statement: views, triggers, foreign keys, defaults, temporary tables. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { triggersSeen } from '../../src/mirror/trigger-rights.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { freePorts } from '../harness/ports.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';
import { clientsWork, mirrored, NEW_DATABASE, OLD_DATABASE, SHARD, startStageProxy } from './stage.ts';

const KEY = { key: 'folderid' };
const TABLES = {
  messages: KEY,
  notes: KEY,
  marks: KEY,
  parents: KEY,
  children: KEY,
  toys: KEY,
  named: KEY,
  bills: KEY,
  kept: KEY,
};
const ROW =
  '(folderid BIGINT NOT NULL, itemid BIGINT NOT NULL, title VARCHAR(60), PRIMARY KEY (folderid, itemid))';
const MOVED = `CREATE TABLE messages ${ROW}; CREATE TABLE notes ${ROW}; CREATE TABLE marks ${ROW};
  CREATE TABLE parents (folderid BIGINT PRIMARY KEY);
  CREATE TABLE children (folderid BIGINT PRIMARY KEY, parent BIGINT,
    FOREIGN KEY (parent) REFERENCES parents (folderid) ON DELETE CASCADE);
  CREATE TABLE toys (folderid BIGINT PRIMARY KEY, child BIGINT,
    FOREIGN KEY (child) REFERENCES children (folderid) ON DELETE SET NULL);
  CREATE TABLE named (folderid BIGINT PRIMARY KEY, name VARCHAR(40) DEFAULT (UUID()));
  CREATE TABLE kept (folderid BIGINT PRIMARY KEY, title VARCHAR(40));
  CREATE TABLE bills (folderid BIGINT PRIMARY KEY, account BIGINT);
  CREATE VIEW recent AS SELECT * FROM messages;
  CREATE VIEW newest AS SELECT folderid, itemid, title FROM recent WHERE itemid > 0`;
const STAYING = `CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(60));
  CREATE TABLE jobs (id BIGINT PRIMARY KEY);
  CREATE VIEW owned AS SELECT m.folderid, m.title, u.name FROM messages m JOIN users u ON u.id = m.folderid;
  CREATE VIEW people AS SELECT * FROM users;
  CREATE TRIGGER noted AFTER INSERT ON marks FOR EACH ROW INSERT INTO notes VALUES (NEW.folderid, NEW.itemid, 'noted');
  CREATE TRIGGER greeted AFTER INSERT ON users FOR EACH ROW BEGIN
    IF NEW.id > 0 THEN INSERT INTO newest VALUES (NEW.id, 1, 'welcome'); END IF;
  END`;
/** Of which the shard has nothing, but for what it changes in there. */
const ELSEWHERE = `CREATE DATABASE elsewhere; USE elsewhere; CREATE TABLE owners (id BIGINT PRIMARY KEY);
  CREATE TABLE accounts (id BIGINT PRIMARY KEY, owner BIGINT, FOREIGN KEY (owner) REFERENCES owners (id) ON DELETE CASCADE);
  ALTER TABLE ${OLD_DATABASE}.bills ADD FOREIGN KEY (account) REFERENCES elsewhere.accounts (id) ON DELETE SET NULL;
  CREATE TABLE logs (id BIGINT PRIMARY KEY); CREATE TABLE errors (id BIGINT PRIMARY KEY);
  CREATE TRIGGER logged AFTER INSERT ON logs FOR EACH ROW INSERT INTO ${OLD_DATABASE}.notes VALUES (NEW.id, 1, 'logged');
  CREATE TRIGGER failed AFTER DELETE ON errors FOR EACH ROW INSERT INTO logs VALUES (OLD.id);
  CREATE VIEW marked AS SELECT * FROM ${OLD_DATABASE}.messages;
  SET GLOBAL event_scheduler = ON;
  CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01' DO DELETE FROM ${OLD_DATABASE}.messages WHERE itemid < 0;
  CREATE EVENT ${OLD_DATABASE}.hourly ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01' DO DELETE FROM newest WHERE itemid < 0;
  CREATE EVENT ${OLD_DATABASE}.sleeping ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01' DISABLE DO DELETE FROM messages;
  CREATE EVENT ${OLD_DATABASE}.harmless ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01' DO DELETE FROM jobs WHERE id < 0`;

let fresh: SqlServer;
beforeAll(async () => {
  fresh = await startMariadb({ name: 'new' });
});
afterAll(() => fresh?.destroy());

describe.each([
  ['MariaDB', startMariadb],
  ['MySQL 9', startMysql],
] as const)('on %s', (kind, startOld) => {
  let old: SqlServer;
  let proxy: RunningProxy;
  /** One for each test: a journal of its own, and the same databases. */
  const shards = Array.from({ length: 14 }, (_, index) => `s${index}`);
  let shard: string;

  beforeAll(async () => {
    old = await startOld({ name: 'old' });
    await old.query(
      `CREATE DATABASE ${OLD_DATABASE}; USE ${OLD_DATABASE}; ${MOVED}; ${STAYING}; ${ELSEWHERE}`,
    );
    await fresh.query(
      `DROP DATABASE IF EXISTS ${NEW_DATABASE}; CREATE DATABASE ${NEW_DATABASE}; USE ${NEW_DATABASE}; ${MOVED}`,
    );
    if (kind === 'MariaDB') await old.query(`ALTER TABLE ${OLD_DATABASE}.kept ADD SYSTEM VERSIONING`);
    await old.query(
      `CREATE USER reader@'%' IDENTIFIED BY 'x'; GRANT SELECT ON ${OLD_DATABASE}.* TO reader@'%'`,
    );
    const ports = await freePorts(shards.length);
    proxy = await startStageProxy(
      { old, fresh },
      {
        tables: TABLES,
        lanes: { perShard: 1 },
        shards: shards.map((name, index) => ({
          name,
          port: ports[index],
          old: { host: old.host, port: old.port, database: OLD_DATABASE },
          new: { host: fresh.host, port: fresh.port, database: NEW_DATABASE },
        })),
      },
    );
  });
  beforeEach(async () => {
    for (const table of [...Object.keys(TABLES).reverse(), 'users', 'jobs'])
      await old.query(`DELETE FROM ${OLD_DATABASE}.${table}`);
    for (const table of Object.keys(TABLES).reverse())
      await fresh.query(`DELETE FROM ${NEW_DATABASE}.${table}`);
    shard = shards.shift() ?? '';
  });
  afterAll(async () => {
    await proxy?.kill9();
    await old?.destroy();
  });

  const through = (work: (client: Connection) => Promise<unknown>): Promise<void> =>
    clientsWork({ old, proxy, shard }, work);
  const run = (...statements: readonly string[]): Promise<void> =>
    through(async (client) => {
      for (const sql of statements) await client.query(sql);
    });
  const doubts = (table: string, reason = 'hazard'): Promise<number> =>
    proxy.metric('understudy_journal_keys', { shard, table, reason });
  const rows = (server: SqlServer, database: string, table: string): Promise<RowDataPacket[]> =>
    server.query(`SELECT * FROM ${database}.${table} ORDER BY folderid`);

  it('a write through a view is not replayed, and leaves a doubt on the tables below', async () => {
    await run(
      "INSERT INTO newest VALUES (1, 1, 'through two views')",
      "UPDATE recent SET title = 'changed' WHERE folderid = 1",
      'DELETE FROM recent WHERE folderid = 1',
    );
    expect(await mirrored(proxy, { shard, outcome: 'skipped_unsupported' })).toBe(3);
    expect(await doubts('messages')).toBe(1);
    expect(await rows(fresh, NEW_DATABASE, 'messages')).toEqual([]);
  });

  it('a write through a view of tables that move and tables that stay straddles', async () => {
    await run(
      'INSERT INTO jobs VALUES (1)',
      "INSERT INTO messages VALUES (1, 2, 'a')",
      "INSERT INTO users VALUES (1, 'b')",
      "UPDATE owned SET title = 'c' WHERE folderid = 1",
      'SELECT * FROM owned',
    );
    expect(await mirrored(proxy, { shard, outcome: 'skipped_straddle' })).toBe(2);
    expect(await doubts('messages')).toBe(1);
  });

  it('a read through a view is replayed where all below it moves', async () => {
    await run("INSERT INTO messages VALUES (1, 1, 'a')", 'SELECT * FROM newest', 'SELECT * FROM people');
    expect(await mirrored(proxy, { shard, kind: 'read', outcome: 'mirrored' })).toBe(1);
    expect(await mirrored(proxy, { shard, kind: 'read' })).toBe(1);
    expect(await proxy.metric('understudy_mirror_mismatch_total', { shard })).toBe(0);
  });

  it('a view that was made just now may stand on any table', async () => {
    await run(
      'CREATE VIEW fresh_view AS SELECT * FROM messages',
      "INSERT INTO fresh_view VALUES (1, 1, 'a')",
    );
    const seen = (await doubts('*')) + (await doubts('messages'));
    expect(seen).toBeGreaterThan(0);
    expect(await doubts('messages', 'table')).toBe(0);
  });

  it('a trigger: its statement is replayed and a doubt, and so is each table that it names', async () => {
    await run("INSERT INTO marks VALUES (1, 1, 'a')", 'DELETE FROM marks WHERE folderid = 2');
    expect(await mirrored(proxy, { shard, outcome: 'mirrored' })).toBe(2);
    expect(await doubts('marks')).toBe(1);
    expect(await doubts('notes')).toBe(1);
    expect(await doubts('messages')).toBe(0);
    expect(await rows(old, OLD_DATABASE, 'notes')).toHaveLength(1);
    expect(await rows(fresh, NEW_DATABASE, 'notes')).toEqual([]);
  });

  it('a trigger of a table that stays: what it changes of those that move is a doubt', async () => {
    await run("INSERT INTO users VALUES (0, 'a')");
    expect(await doubts('messages')).toBe(1);
    expect(await doubts('notes')).toBe(0);
    expect(await mirrored(proxy, { shard })).toBe(0);
  });

  it('foreign keys: what a delete takes along, at any remove, is a doubt', async () => {
    // One by one, as the new server holds each against the one before.
    await run('INSERT INTO parents VALUES (1), (2)');
    await run('INSERT INTO children VALUES (11, 1), (12, 2)');
    await run('INSERT INTO toys VALUES (21, 11)');
    expect([await doubts('children'), await doubts('toys')]).toEqual([0, 0]);
    await run('DELETE FROM parents WHERE folderid = 1');
    expect([await doubts('parents'), await doubts('children'), await doubts('toys')]).toEqual([0, 1, 1]);
    expect(await rows(old, OLD_DATABASE, 'toys')).toEqual(await rows(fresh, NEW_DATABASE, 'toys'));
    expect(await rows(old, OLD_DATABASE, 'toys')).toEqual([{ folderid: 21, child: null }]);
  });

  it('what a write to another database changes, by foreign keys, triggers and views, is a doubt', async () => {
    await run(
      'INSERT INTO elsewhere.owners VALUES (1)',
      'INSERT INTO elsewhere.accounts VALUES (2, 1)',
      'INSERT INTO bills VALUES (3, 2)',
      'INSERT INTO elsewhere.errors VALUES (4)',
    );
    const inDoubt = async (): Promise<number[]> =>
      Promise.all(['bills', 'notes', 'messages', '*'].map((table) => doubts(table)));
    // The row of `bills` refers to one that the new server has not, and needs not: its table has no foreign key there.
    expect([await rows(fresh, NEW_DATABASE, 'bills'), await inDoubt()]).toEqual([
      [{ folderid: 3, account: 2 }],
      [0, 0, 0, 0],
    ]);
    await run('USE elsewhere', 'DELETE FROM owners WHERE id = 1');
    expect(await rows(old, OLD_DATABASE, 'bills')).toEqual([{ folderid: 3, account: null }]);
    expect(await inDoubt()).toEqual([1, 0, 0, 0]);
    await run('DELETE FROM elsewhere.errors');
    expect(await rows(old, OLD_DATABASE, 'notes')).toHaveLength(1);
    expect(await inDoubt()).toEqual([1, 1, 0, 0]);
    await run("INSERT INTO elsewhere.marked VALUES (5, 1, 'through a view')");
    expect(await inDoubt()).toEqual([1, 1, 1, 0]);
    expect(await mirrored(proxy, { shard })).toBe(1);
  });

  it('a trigger that a client makes in another database counts from the next reading on', async () => {
    const readAgain = 'SET GLOBAL default_week_format = 0';
    const body = `FOR EACH ROW DELETE FROM ${OLD_DATABASE}.marks WHERE itemid < 0`;
    await run(`CREATE TRIGGER elsewhere.told AFTER INSERT ON elsewhere.owners ${body}`, readAgain);
    let id = 100;
    const isDoubt = async (): Promise<boolean> => {
      await run(`INSERT INTO elsewhere.owners VALUES (${++id})`);
      return (await doubts('marks')) === 1;
    };
    await waitFor(isDoubt, { what: 'the trigger to be known' });
    await run('DROP TRIGGER elsewhere.told');
  });

  it('events that may write tables that move are told of in the log', async () => {
    await proxy.untilLogged('events of the old server’s scheduler');
    await proxy.untilLogged(`"events":"${OLD_DATABASE}.hourly, elsewhere.nightly"`);
  });

  it('a default that each server makes for itself is a doubt', async () => {
    await run('INSERT INTO named (folderid) VALUES (1)', "UPDATE named SET name = 'a' WHERE folderid = 5");
    expect(await mirrored(proxy, { shard, outcome: 'mirrored' })).toBe(2);
    expect(await doubts('named')).toBe(1);
  });

  it('what a server keeps a history of is a doubt, as the history is its own', async () => {
    for (const table of [`${OLD_DATABASE}.kept`, `${NEW_DATABASE}.kept`])
      await (table.startsWith(NEW_DATABASE) ? fresh : old).query(
        `INSERT INTO ${table} VALUES (2, 'b'), (3, 'c')`,
      );
    await run(
      "INSERT INTO kept VALUES (1, 'a')",
      "UPDATE kept SET title = 'changed' WHERE folderid = 2",
      'DELETE FROM kept WHERE folderid = 3',
    );
    expect(await mirrored(proxy, { shard, outcome: 'mirrored' })).toBe(3);
    expect(await doubts('kept')).toBe(kind === 'MariaDB' ? 3 : 0);
  });

  it('what is written of a temporary table is a doubt', async () => {
    await run(
      `CREATE TEMPORARY TABLE passing ${ROW}`,
      "INSERT INTO passing VALUES (1, 1, 'a')",
      'INSERT INTO messages SELECT * FROM passing',
      'SELECT * FROM messages JOIN passing USING (folderid)',
    );
    expect(await doubts('messages')).toBe(1);
    expect(await mirrored(proxy, { shard })).toBe(0);
  });

  it('a right to see triggers that comes by a role counts while the role is on', async () => {
    await old.query(`CREATE ROLE sees; GRANT TRIGGER ON ${OLD_DATABASE}.* TO sees;
      CREATE USER roled@'%' IDENTIFIED BY 'x'; GRANT SELECT ON ${OLD_DATABASE}.* TO roled@'%'; GRANT sees TO roled@'%'`);
    const seen = async (): Promise<unknown> => {
      const client = await old.connect({ user: 'roled', password: 'x' });
      const [[triggers], tables] = [
        await client.query<RowDataPacket[]>(
          'SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?',
          [OLD_DATABASE],
        ),
        await triggersSeen(client, { database: OLD_DATABASE, timeoutMs: 5000 }),
      ];
      await client.end();
      return [triggers.length > 0, tables];
    };
    expect(await seen()).toEqual([false, new Set()]);
    await old.query(
      kind === 'MariaDB' ? "SET DEFAULT ROLE sees FOR roled@'%'" : "SET DEFAULT ROLE sees TO roled@'%'",
    );
    expect(await seen()).toEqual([true, 'all']);
  });

  it('what oldUser may not see may do anything, and the log says which right it lacks', async () => {
    await proxy.kill9();
    shard = SHARD;
    proxy = await startStageProxy(
      { old, fresh },
      { tables: TABLES, oldUser: { user: 'reader', password: 'x' } },
    );
    await proxy.untilLogged('oldUser lacks rights');
    await proxy.untilLogged('"rights":"TRIGGER, SHOW VIEW"');
    await run("INSERT INTO messages VALUES (1, 1, 'a')");
    expect(await mirrored(proxy, { shard, outcome: 'mirrored' })).toBe(1);
    expect([await doubts('messages'), await doubts('*')]).toEqual([1, 1]);
  });
});
