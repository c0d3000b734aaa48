/**
 * Changes of definitions that are replayed, and a kill -9 at each point on their way: afterwards the whole table is in
 * doubt, and what is known of its columns is what the primary has.
 */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writtenOnDisk } from '../harness/journal-on-disk.ts';
import type { HeldAnswers } from '../harness/primary-gate.ts';
import { waitFor } from '../harness/wait.ts';
import { type GatedStage, startGatedStage } from './gated-stage.ts';

const POINTS = ['unanswered', 'waiting', 'replaying', 'locked_out', 'replayed'] as const;
type Point = (typeof POINTS)[number];

let stage: GatedStage;

beforeAll(async () => {
  const row = '(id BIGINT PRIMARY KEY, v BIGINT)';
  stage = await startGatedStage(POINTS.map((point) => `CREATE TABLE ${point} ${row};`).join('\n'), {
    tables: '*',
    ddl: 'mirror',
  });
});
afterAll(() => stage?.close());

/** The columns' names, in order. */
async function columns(database: 'old' | 'new', table: string): Promise<string[]> {
  const rows = await stage.mariadb.query<RowDataPacket[]>(`SHOW COLUMNS FROM ${database}.${table}`);
  return rows.map(({ Field }) => String(Field));
}

/** Brings the change of the table `point` to that point. */
async function bringTo(point: Point, client: Connection): Promise<void> {
  const change = `ALTER TABLE ${point} ADD COLUMN a BIGINT NOT NULL DEFAULT 5 FIRST`;
  const held = heldAt(point, change);
  if (point === 'locked_out') await lockOut();
  if (point === 'waiting') await client.query('INSERT INTO waiting (id, v) VALUES (1, 1)');
  const sent = client.query(change);
  sent.catch(() => {});
  if (point !== 'unanswered') await sent;
  await held?.answered;
  if (point === 'locked_out') await untilItWaits();
  if (point === 'replayed') await stage.untilIdle();
}

/** Whose answers are held back, and from what on. */
function heldAt(point: Point, change: string): HeldAnswers | null {
  switch (point) {
    case 'unanswered':
      return stage.primary.hold(change);
    case 'waiting':
      return stage.shadow.hold('INSERT INTO waiting');
    case 'replaying':
      return stage.shadow.hold(change);
    default:
      return null;
  }
}

/** Nothing may redefine the new cluster's table until the server ends the holder. */
async function lockOut(): Promise<void> {
  const holder = await stage.mariadb.connect({ database: 'new' });
  await holder.query('LOCK TABLES locked_out READ');
}

async function untilItWaits(): Promise<void> {
  await waitFor(
    async () => {
      const [row] = await stage.mariadb.query<RowDataPacket[]>(
        "SELECT COUNT(*) AS found FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock'",
      );
      return Number(row?.found) > 0;
    },
    { what: 'the replay to wait for the table' },
  );
}

describe('invariant 4: a kill -9 on the way of a change of definitions', () => {
  it.each(POINTS)('leaves its whole table in doubt, and its columns known: %s', async (point) => {
    const client = await stage.connect();
    await bringTo(point, client);
    expect(await columns('old', point)).toEqual(['a', 'id', 'v']);
    await stage.killAndRestart();
    client.destroy();
    // What was carried out and answered is a key of the written log until its time is over.
    expect(await stage.doubts('written')).toContain(`${point}/* written`);
    // The second of the values is the key now.
    const again = await stage.connect();
    await again.query(`INSERT INTO ${point} VALUES (900, 901, 902)`);
    await again.end();
    const ofIt = writtenOnDisk(stage.journal).filter((line) => line.startsWith(`${point}/`));
    expect(ofIt).toEqual([`${point}/901`]);
  });
});
