/** Rows of the message centre's new side gone wrong by dice, each in one of the ways that a mirror or a hand can. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { folderId } from '../harness/message-centre.ts';
import type { Random } from '../harness/random.ts';

interface Place {
  readonly folderid: string;
  readonly type: string;
  readonly itemid: string;
}

type Corrupt = (table: string, rows: readonly Place[], random: Random) => readonly string[];

const at = ({ folderid, type, itemid }: Place): string =>
  `folderid = ${folderid} AND type = ${type} AND itemid = ${itemid}`;

function update(table: string, set: string, row: Place): string {
  // A row that another stands in the way of stays as it is.
  return `UPDATE IGNORE ${table} SET ${set} WHERE ${at(row)}`;
}

/** The values of one column of two rows, each in the other's place. */
function swapped(column: string): Corrupt {
  return (table, rows, random) => {
    const [one, other] = [random.pick(rows), random.pick(rows)];
    return [
      `SELECT ${column} INTO @one FROM ${table} WHERE ${at(one)}`,
      `SELECT ${column} INTO @other FROM ${table} WHERE ${at(other)}`,
      update(table, `${column} = @other`, one),
      update(table, `${column} = @one`, other),
    ];
  };
}

function changed(set: string): Corrupt {
  return (table, rows, random) => [update(table, set, random.pick(rows))];
}

const WAYS: readonly Corrupt[] = [
  (table, rows, random) => [`DELETE FROM ${table} WHERE ${at(random.pick(rows))}`],
  (table, rows, random) => [`DELETE FROM ${table} WHERE folderid = ${random.pick(rows).folderid}`],
  (table, rows, random) => [
    `INSERT INTO ${table} VALUES (${random.pick(rows).folderid}, 9, ${random.integer(1, 1e9)}, 1, 1, '')`,
  ],
  // A folder that the old side has not, in front of all others or behind them.
  (table, _, random) => [
    `INSERT INTO ${table} VALUES (${random.pick(['-', ''])}${random.integer(1, 1e9)}, 1, ${random.integer(1, 1e9)}, 1, 1, NULL)`,
  ],
  changed('folderid = folderid + 1'),
  changed('type = type + 100'),
  changed('itemid = itemid + 1'),
  changed('senderid = senderid + 4294967296'),
  changed('ts = -ts'),
  changed("title = IF(title IS NULL, '', NULL)"),
  changed("title = CONCAT(title, ' ')"),
  changed('title = UPPER(title)'),
  swapped('title'),
  swapped('senderid'),
  // Within one row, by way of a variable: MySQL and MariaDB assign one after the other.
  (table, rows, random) => {
    const row = random.pick(rows);
    return [
      `SELECT senderid, ts INTO @senderid, @ts FROM ${table} WHERE ${at(row)}`,
      update(table, 'senderid = @ts, ts = @senderid', row),
    ];
  },
  // The same in two rows, which an XOR of checksums would not see.
  (table, rows, random) => [random.pick(rows), random.pick(rows)].map((row) => update(table, 'ts = 7', row)),
];

/** Each way `times` over, in tables and folders by dice. The connection's database is the shard's. */
export async function corruptRows(
  connection: Connection,
  tables: readonly string[],
  options: { readonly folders: number; readonly times: number; readonly random: Random },
): Promise<void> {
  const { folders, times, random } = options;
  for (let round = 0; round < times; round++) {
    for (const way of WAYS) {
      const table = random.pick(tables);
      const [rows] = await connection.query<RowDataPacket[]>(
        `SELECT CAST(folderid AS CHAR) AS folderid, CAST(type AS CHAR) AS type, CAST(itemid AS CHAR) AS itemid
         FROM ${table} WHERE folderid = ${folderId(random.integer(0, folders - 1))} ORDER BY type, itemid LIMIT 300`,
      );
      if (rows.length === 0) continue;
      for (const sql of way(table, rows as unknown as readonly Place[], random)) await connection.query(sql);
    }
  }
}
