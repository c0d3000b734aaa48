/** What the tests of the mirror share: tables that move and tables that stay, and ways to look at both sides. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { expect } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { addedBy, NEW_DATABASE, OLD_DATABASE, type Stage, startStage, untilMirrorIsIdle } from './stage.ts';

export const MESSAGES_COLUMNS = `(folderid BIGINT NOT NULL, itemid BIGINT NOT NULL, title VARCHAR(200),
  PRIMARY KEY (folderid, itemid))`;
const MOVED = `
  CREATE TABLE messages ${MESSAGES_COLUMNS} ENGINE=InnoDB;
  CREATE TABLE notes ${MESSAGES_COLUMNS} ENGINE=ENGINE_OF_NOTES;
  CREATE TABLE words (folderid BIGINT PRIMARY KEY, gbk VARCHAR(40) CHARACTER SET gbk)`;
/** Tables that stay: on the new server they are there only to show that nothing touches them. */
const UNMOVED = `;
  CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(60)) ENGINE=InnoDB;
  CREATE TABLE copies ${MESSAGES_COLUMNS} ENGINE=InnoDB`;
const KEY = { key: 'folderid' };

export interface MirrorStage {
  readonly stage: Stage;
  /** Before each test: no connection of the one before is left, and the tables are empty. */
  begin(): Promise<void>;
  /** A connection through the proxy; `begin` of the next test ends it where the test does not. */
  connect(options?: Parameters<Stage['old']['connect']>[0]): Promise<Connection>;
  /** Runs `work` on a connection through the proxy and lets the mirror finish. */
  through(work: (connection: Connection) => Promise<void>): Promise<void>;
  run(...statements: readonly string[]): Promise<void>;
  /** The outcomes that `work` adds. */
  counts(work: () => Promise<void>): Promise<Record<string, number>>;
  /** The rows of a table in an order of their own, whatever the server's. */
  rows(server: 'old' | 'fresh', table: string, columns?: string): Promise<unknown[]>;
  expectEqualTables(...tables: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** The old side has `notes` in MyISAM, the new one all of it in InnoDB; everything is mirrored and compared. */
export async function startMirrorStage(): Promise<MirrorStage> {
  const stage = await startStage({
    schema: MOVED.replace('ENGINE_OF_NOTES', 'MyISAM') + UNMOVED,
    freshSchema: MOVED.replace('ENGINE_OF_NOTES', 'InnoDB') + UNMOVED,
    config: {
      tables: { messages: KEY, notes: KEY, words: KEY },
      queue: { statementBytes: 100_000, unitBytes: 200_000 },
    },
  });
  const opened: Connection[] = [];
  const connect: MirrorStage['connect'] = async (options = {}) => {
    const connection = await stage.old.connect({ port: stage.port, database: OLD_DATABASE, ...options });
    opened.push(connection);
    return connection;
  };
  const through: MirrorStage['through'] = async (work) => {
    const connection = await connect();
    await work(connection);
    await connection.end();
    await untilMirrorIsIdle(stage.proxy);
  };
  const rows: MirrorStage['rows'] = async (server, table, columns = '*') => {
    const database = server === 'old' ? OLD_DATABASE : NEW_DATABASE;
    const found = await stage[server].query<RowDataPacket[]>(`SELECT ${columns} FROM ${database}.${table}`);
    return found.map((row) => ({ ...row })).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  };
  return {
    stage,
    async begin() {
      // A test that failed in a transaction would leave its locks to the next ones.
      for (const connection of opened.splice(0)) connection.destroy();
      await untilMirrorIsIdle(stage.proxy);
      await untilNoWriteIsUnderWay(stage.proxy);
      await stage.reset();
    },
    connect,
    through,
    run: (...statements) =>
      through(async (connection) => {
        for (const sql of statements) await connection.query(sql);
      }),
    async counts(work) {
      const outcomes = async () => (await stage.proxy.status()).shards[0]?.outcomes ?? {};
      const all = Object.entries(await addedBy(stage.proxy, outcomes, work));
      return Object.fromEntries(all.filter(([, count]) => count !== 0));
    },
    rows,
    async expectEqualTables(...tables) {
      for (const table of tables) expect(await rows('fresh', table), table).toEqual(await rows('old', table));
    },
    close: () => stage.close(),
  };
}

/** Of a write whose mark is never released the journal would keep the keys for good. */
async function untilNoWriteIsUnderWay(proxy: Stage['proxy']): Promise<void> {
  await waitFor(async () => (await proxy.status()).shards[0]?.journal.pending === 0, {
    what: 'every write’s mark in the journal to be released',
  });
}

/** The error of a statement that must fail. */
export function failing(connection: Connection, sql: string): Promise<unknown> {
  return connection.query(sql).then(
    () => expect.fail(`${sql} succeeded`),
    (error) => error,
  );
}
