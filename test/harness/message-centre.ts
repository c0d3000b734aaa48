/**
 * The reference workload's schema and data: a message centre by the figures of the real migration. Thirteen
 * tables that move, one per kind of notification, and two beside them that stay.
 */
import { readFileSync } from 'node:fs';
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { createRandom, type Random } from './random.ts';
import { REPOSITORY } from './repository.ts';

export const MOVED_TABLES = [
  'comments',
  'replies',
  'likes',
  'favourites',
  'follows',
  'mentions',
  'shares',
  'gifts',
  'invitations',
  'reviews',
  'badges',
  'releases',
  'system_notices',
] as const;
export type MovedTable = (typeof MOVED_TABLES)[number];

/** `tables` of proxy.config.json for the message centre. */
export const MESSAGE_CENTRE_TABLES: Readonly<Record<MovedTable, { readonly key: 'folderid' }>> =
  Object.freeze(Object.fromEntries(MOVED_TABLES.map((table) => [table, { key: 'folderid' }]))) as Readonly<
    Record<MovedTable, { readonly key: 'folderid' }>
  >;

/** The values of the `type` column. */
export const TYPES = [1, 2, 3, 4] as const;
export const USERS = 500;
export const WORKS = 200;

const TS_FIRST = 1_700_000_000;
const ROWS_AN_INSERT = 500;
const FOLDER_BASE = 1_000_000_000_000n;
const FOLDER_BASE_WIDE = 1n << 62n;

/** What the helpers need of a server. */
export interface SqlServer {
  connect(options?: ConnectionOptions): Promise<Connection>;
}

export interface SchemaOptions {
  /** Engine of the thirteen tables: MyISAM on the old cluster, InnoDB on the new one. */
  readonly engine: 'MyISAM' | 'InnoDB' | 'Aria';
  /** Whether the tables that stay (users, works; InnoDB) are made and filled too. */
  readonly unmoved: boolean;
}

export interface SeedOptions {
  readonly seed: number;
  /** Folders (inboxes) of this database. */
  readonly folders: number;
  /** Rows of the smallest folders, over all tables; 8 where left out. */
  readonly rowsMin?: number;
  /** Rows of the largest folder, over all tables. */
  readonly rowsMax?: number;
}

/**
 * The id of a folder. Every fourth lies beyond 2^53, so that a reader who takes ids for floating-point
 * numbers is found out.
 */
export function folderId(index: number): bigint {
  return (index % 4 === 3 ? FOLDER_BASE_WIDE : FOLDER_BASE) + BigInt(index);
}

/** Creates `database`, which must not exist, and its tables. */
export async function createSchema(
  server: SqlServer,
  database: string,
  options: SchemaOptions,
): Promise<void> {
  const connection = await server.connect();
  try {
    await connection.query(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`);
    await connection.query(`USE \`${database}\``);
    await connection.query(`SET default_storage_engine = ${options.engine}`);
    for (const table of MOVED_TABLES) await connection.query(movedTable(table));
    if (options.unmoved) await createUnmoved(connection);
  } finally {
    await connection.end();
  }
}

/** Fills the thirteen tables; the same seed gives the same rows on every server. Returns their count. */
export async function seed(server: SqlServer, database: string, options: SeedOptions): Promise<number> {
  const connection = await server.connect({ database });
  const random = createRandom(options.seed);
  const pending = new Map<MovedTable, string[]>();
  let rows = 0;
  const flush = async (table: MovedTable): Promise<void> => {
    const values = pending.get(table) ?? [];
    if (values.length > 0) await connection.query(`INSERT INTO ${table} VALUES ${values.join(',')}`);
    pending.set(table, []);
  };
  try {
    for (let index = 0; index < options.folders; index += 1) {
      for (
        let left = random.heavyTailed(options.rowsMin ?? 8, options.rowsMax ?? 2000, 1.1);
        left > 0;
        left -= 1
      ) {
        const table = random.pick(MOVED_TABLES);
        rows += 1;
        const values = pending.get(table) ?? [];
        values.push(rowText(folderId(index), rows, random));
        pending.set(table, values);
        if (values.length >= ROWS_AN_INSERT) await flush(table);
      }
    }
    for (const table of MOVED_TABLES) await flush(table);
  } finally {
    await connection.end();
  }
  return rows;
}

/**
 * What each moved table holds: its row count and an order-free hash of all columns. Equal on two servers
 * when their rows are equal, whatever the engine and the database's name.
 */
export async function contentOf(server: SqlServer, database: string): Promise<Record<MovedTable, string>> {
  const connection = await server.connect({ database });
  const content: Partial<Record<MovedTable, string>> = {};
  const row = "CONCAT_WS('#', folderid, type, itemid, senderid, ts, title, ISNULL(title))";
  try {
    for (const table of MOVED_TABLES) {
      const [rows] = await connection.query<RowDataPacket[]>(
        `SELECT CONCAT(COUNT(*), ' rows, ', COALESCE(SUM(CAST(CONV(LEFT(MD5(${row}), 12), 16, 10) AS UNSIGNED)), 0)) AS content FROM ${table}`,
      );
      content[table] = String(rows[0]?.content);
    }
  } finally {
    await connection.end();
  }
  return content as Record<MovedTable, string>;
}

/** As docker-compose.yml makes it, under another name. */
function movedTable(table: MovedTable): string {
  return definitionOf('message').replace('CREATE TABLE message ', `CREATE TABLE ${table} `);
}

function definitionOf(table: string): string {
  return readFileSync(new URL(`deploy/compose/tables/${table}.sql`, REPOSITORY), 'utf8');
}

/** Transactions run on these tables, so that they are InnoDB on either side. */
async function createUnmoved(connection: Connection): Promise<void> {
  await connection.query('SET default_storage_engine = InnoDB');
  await connection.query(definitionOf('users'));
  await connection.query(`CREATE TABLE works (
    id BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT, ownerid BIGINT NOT NULL, title VARCHAR(120) NOT NULL,
    views INT NOT NULL DEFAULT 0, KEY owner (ownerid)
  ) ENGINE=InnoDB`);
  const users = Array.from({ length: USERS }, (_, index) => `(${index + 1}, 'user ${index + 1}', 0)`);
  await connection.query(`INSERT INTO users VALUES ${users.join(',')}`);
  const works = Array.from(
    { length: WORKS },
    (_, index) => `(${index + 1}, ${(index % USERS) + 1}, 'work ${index + 1}', 0)`,
  );
  await connection.query(`INSERT INTO works VALUES ${works.join(',')}`);
}

function rowText(folder: bigint, item: number, random: Random): string {
  const title = random.chance(0.1) ? 'NULL' : `'${titleOf(random)}'`;
  const ts = TS_FIRST + random.integer(0, 10_000_000);
  return `(${folder},${random.pick(TYPES)},${item},${random.integer(1, USERS)},${ts},${title})`;
}

const WORDS = [
  'sunrise',
  'harbour',
  'étude',
  '海',
  'portrait',
  'winter',
  'кот',
  'lantern',
  'field',
  'blue',
] as const;

/** A short title, not all of it ASCII, without quotes. */
export function titleOf(random: Random): string {
  return Array.from({ length: random.integer(1, 6) }, () => random.pick(WORDS)).join(' ');
}
