/**
 * A replay that comes seconds later, on a server that counts otherwise, gives the rows that the primary has; where the
 * server lacks a row, the rows that were changed tell.
 */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { type GatedStage, startGatedStage } from './gated-stage.ts';

let stage: GatedStage;

beforeAll(async () => {
  stage = await startGatedStage(
    `CREATE TABLE stamped (id BIGINT PRIMARY KEY, at DATETIME, made TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
     CREATE TABLE numbered (id BIGINT AUTO_INCREMENT PRIMARY KEY, v BIGINT)`,
    { tables: { stamped: { key: 'id' }, numbered: { key: 'id' } } },
  );
  await stage.mariadb.query('ALTER TABLE new.numbered AUTO_INCREMENT = 1000');
});
afterAll(() => stage?.close());

async function rows(database: 'old' | 'new', table: string): Promise<unknown[]> {
  return stage.mariadb.query<RowDataPacket[]>(`SELECT * FROM ${database}.${table} ORDER BY id`);
}

async function second(): Promise<number> {
  const [row] = await stage.mariadb.query<RowDataPacket[]>('SELECT UNIX_TIMESTAMP() AS now');
  return Number(row?.now);
}

it('NOW() and default moments are those of the primary', async () => {
  const client = await stage.connect();
  const replay = stage.shadow.hold('REPLACE INTO stamped (id, at)');
  await client.query('REPLACE INTO stamped (id, at) VALUES (1, NULL)');
  await replay.answered;
  // Of the same key: it waits for the one before.
  await client.query('REPLACE INTO stamped (id, at) VALUES (1, NOW())');
  const sentBy = await second();
  await waitFor(async () => (await second()) > sentBy + 1, { what: 'seconds to pass' });
  replay.release();
  await client.end();
  await stage.untilIdle();
  // A second of the primary's that ended while one of them was under way would have made it a doubt.
  const isDoubtful = (await stage.doubts()).includes('stamped/1 hazard');
  if (!isDoubtful) expect(await rows('new', 'stamped')).toEqual(await rows('old', 'stamped'));
});

it('numbers of AUTO_INCREMENT are those of the primary', async () => {
  const client = await stage.connect();
  await client.query('INSERT INTO numbered (v) VALUES (1)');
  await client.query('INSERT INTO numbered (v) VALUES (2), (3)');
  await client.end();
  await stage.untilIdle();
  expect(await rows('new', 'numbered')).toEqual(await rows('old', 'numbered'));
  expect(await stage.doubts()).not.toContainEqual(expect.stringMatching(/^numbered/));
});

it('a key of which the new server lacks a row is in doubt once that is to go', async () => {
  const client = await stage.connect();
  await client.query("REPLACE INTO stamped (id, at, made) VALUES (2, '2000-01-01', '2000-01-01')");
  await stage.untilIdle();
  await stage.mariadb.query('DELETE FROM new.stamped WHERE id = 2');
  await client.query('DELETE FROM stamped WHERE id = 2');
  await client.end();
  await stage.untilIdle();
  expect(await stage.doubts()).toContain('stamped/2 affected_rows');
});
