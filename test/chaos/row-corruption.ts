/** Rows of the message centre's new side gone wrong by dice, each in one of the ways that a mirror or a hand can. */
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
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

const ROW_WAYS: readonly Corrupt[] = [
  (table, rows, random) => [`DELETE FROM ${table} WHERE ${at(random.pick(rows))}`],
  (table, rows, random) => [
    `INSERT INTO ${table} VALUES (${random.pick(rows).folderid}, 9, ${random.integer(1, 1e9)}, 1, 1, '')`,
  ],
  changed('folderid = folderid + 1'),
  changed('type = type + 100'),
  changed('itemid = itemid + 4294967296'),
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

const FOLDER_WAYS: readonly Corrupt[] = [
  (table, rows, random) => [`DELETE FROM ${table} WHERE folderid = ${random.pick(rows).folderid}`],
  // A folder that the old side has not, in front of all others or behind them.
  (table, _, random) => [
    `INSERT INTO ${table} VALUES (${random.pick(['-', ''])}${random.integer(1, 1e9)}, 1, ${random.integer(1, 1e9)}, 1, 1, NULL)`,
  ],
];

/** A way may find nothing that it could change: a text without letters, a row that another stands in the way of. */
const TRIES = 50;
const PLACES = 300;

export interface Corruption {
  /** How often each way is gone. */
  readonly times: number;
  readonly random: Random;
}

/** Each way, in tables and folders by dice. The connection's database is the shard's. */
export async function corruptRows(
  connection: Connection,
  tables: readonly string[],
  { folders, times, random }: Corruption & { readonly folders: number },
): Promise<void> {
  const somewhere = async (): Promise<Found> => {
    const table = random.pick(tables);
    const folder = folderId(random.integer(0, folders - 1));
    return { table, rows: await placesOf(connection, table, folder, 0) };
  };
  for (let round = 0; round < times; round++) {
    for (const way of [...ROW_WAYS, ...FOLDER_WAYS]) await go(connection, way, somewhere, random);
  }
}

/** Each way that leaves the rest of the folder where it is, in one folder of at least `rows` rows. */
export async function corruptFolder(
  connection: Connection,
  table: string,
  folder: bigint,
  { rows, times, random }: Corruption & { readonly rows: number },
): Promise<void> {
  const somewhere = async (): Promise<Found> => ({
    table,
    rows: await placesOf(connection, table, folder, random.integer(0, Math.max(0, rows - 2 * PLACES))),
  });
  for (let round = 0; round < times; round++) {
    for (const way of ROW_WAYS) await go(connection, way, somewhere, random);
  }
}

interface Found {
  readonly table: string;
  readonly rows: readonly Place[];
}

async function placesOf(
  connection: Connection,
  table: string,
  folder: bigint,
  offset: number,
): Promise<readonly Place[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT CAST(folderid AS CHAR) AS folderid, CAST(type AS CHAR) AS type, CAST(itemid AS CHAR) AS itemid
     FROM ${table} WHERE folderid = ${folder} ORDER BY type, itemid LIMIT ${PLACES} OFFSET ${offset}`,
  );
  return rows as unknown as readonly Place[];
}

/** Until it has changed a row: a way that never does would prove nothing. */
async function go(
  connection: Connection,
  way: Corrupt,
  somewhere: () => Promise<Found>,
  random: Random,
): Promise<void> {
  let last: readonly string[] = [];
  for (let tries = 0; tries < TRIES; tries++) {
    const { table, rows } = await somewhere();
    if (rows.length === 0) continue;
    last = way(table, rows, random);
    let changed = 0;
    for (const sql of last) changed += await changedBy(connection, sql);
    if (changed > 0) return;
  }
  throw new Error(`nothing was changed in ${TRIES} tries by ${last.join('; ')}`);
}

async function changedBy(connection: Connection, sql: string): Promise<number> {
  const [result] = await connection.query<ResultSetHeader>(sql);
  if (sql.startsWith('SELECT')) return 0;
  // The rows that were found count as affected.
  return sql.startsWith('UPDATE') ? result.changedRows : result.affectedRows;
}
