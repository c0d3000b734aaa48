/** Rows in bulk: more of them on the old side, and the first copy of a shard to the new one. */
import type { RowDataPacket } from 'mysql2/promise';
import { MOVED_TABLES } from '../../test/harness/message-centre.ts';
import type { Side } from './side.ts';

const ROWS_AN_INSERT = 1000;

/** Above every item id of the seeded rows. */
const ITEM_STEP = 10_000_000;

/** Doubles the moved tables' rows `times` times: every item has copies with other ids and times. */
export async function multiplyRows(side: Side, times: number): Promise<void> {
  const connection = await side.server.connect({ database: side.database });
  try {
    for (const table of MOVED_TABLES) {
      for (let done = 0; done < times; done += 1) {
        const step = ITEM_STEP * 2 ** done;
        await connection.query(`INSERT INTO ${table}
          SELECT folderid, type, itemid + ${step}, senderid, ts + 1 + itemid % 1000, title FROM ${table}`);
      }
    }
  } finally {
    connection.destroy();
  }
}

/**
 * Copies the moved tables' rows by plain SELECT and INSERT, as a dump and its reload would; the tables exist on
 * both sides, and are empty on the new one. Returns the count of rows.
 */
export async function copyTables(from: Side, to: Side): Promise<number> {
  // Ids beyond 2^53 must not pass through a floating-point number.
  const numbers = { supportBigNumbers: true, bigNumberStrings: true };
  const source = await from.server.connect({ database: from.database, rowsAsArray: true, ...numbers });
  const target = await to.server.connect({ database: to.database });
  let copied = 0;
  try {
    for (const table of MOVED_TABLES) {
      const [rows] = await source.query<RowDataPacket[]>(`SELECT * FROM ${table}`);
      for (let first = 0; first < rows.length; first += ROWS_AN_INSERT) {
        await target.query(`INSERT INTO ${table} VALUES ?`, [rows.slice(first, first + ROWS_AN_INSERT)]);
      }
      copied += rows.length;
    }
    return copied;
  } finally {
    source.destroy();
    target.destroy();
  }
}
