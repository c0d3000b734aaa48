/** What the sync is measured on: two servers with the same tables, of which one is then made to differ. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Mariadb, startMariadb, TO_THE_DISK } from '../test/harness/mariadb.ts';
import { freePort } from '../test/harness/ports.ts';
import { temporaryDirectory } from '../test/harness/temp.ts';

export const DATABASE = 'centre';
export const ROWS = 200_000;
/** A third of them is missing on new, a third extra, and a third another row. */
export const DIFFERING = 37_000;
export const LARGE_ROWS = 2_000_000;
/** Rows of the one group of `large` that differs. */
export const LARGE_GROUP_ROWS = 200_000;
export const TABLES = ['clean', 'differing', 'large'] as const;
export type Table = (typeof TABLES)[number];

const ROWS_PER_FOLDER = 20;
/** So many rows in so many differ: hardly a folder is spared, which costs a repair by groups the most. */
const DIFFERING_IN = Object.freeze({ rows: 37, of: 200 });

export interface SyncClusters {
  readonly old: Mariadb;
  readonly new: Mariadb;
  /** Of `understudy sync`. */
  readonly config: string;
  destroy(): Promise<void>;
}

export async function startSyncClusters(): Promise<SyncClusters> {
  const started = await Promise.all([start('old'), start('new')]);
  const [old, fresh] = started;
  const destroy = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.destroy()));
  };
  try {
    await Promise.all(started.map(fill));
    for (const sql of [...corruption('differing', 'TRUE'), ...corruption('large', 'folderid = 0')])
      await fresh.query(sql);
    return { old, new: fresh, config: await writeConfig(old, fresh), destroy };
  } catch (error) {
    await destroy();
    throw error;
  }
}

function start(name: string): Promise<Mariadb> {
  return startMariadb({
    name,
    extra: ['--innodb-buffer-pool-size=384M', '--max-statement-time=0', ...TO_THE_DISK],
  });
}

async function fill(server: Mariadb): Promise<void> {
  await server.query(`CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4`);
  for (const table of TABLES) {
    await server.query(`CREATE TABLE ${DATABASE}.${table} (
      folderid BIGINT NOT NULL, type TINYINT NOT NULL, itemid BIGINT NOT NULL, senderid BIGINT NOT NULL,
      ts INT NOT NULL, title VARCHAR(60) NOT NULL, PRIMARY KEY (folderid, type, itemid)) ENGINE=InnoDB`);
    const rows = table === 'large' ? LARGE_ROWS : ROWS;
    const folder =
      table === 'large'
        ? `IF(seq <= ${LARGE_GROUP_ROWS}, 0, seq DIV ${ROWS_PER_FOLDER})`
        : `1 + (seq - 1) DIV ${ROWS_PER_FOLDER}`;
    await server.query(`INSERT INTO ${DATABASE}.${table}
      SELECT ${folder}, 0, seq, seq * 7 MOD 100003, 1600000000 + seq, CONCAT('a notification of ', seq)
      FROM ${DATABASE}.seq_1_to_${rows}`);
    await server.query(`ANALYZE TABLE ${DATABASE}.${table}`);
  }
}

/** Statements after which 37 rows of the new side in each 200 of those chosen are missing, extra or changed. */
function corruption(table: Table, where: string): readonly string[] {
  const name = `${DATABASE}.${table}`;
  const of = (kind: number): string =>
    `itemid IN (SELECT itemid FROM ${DATABASE}.chosen WHERE number MOD 3 = ${kind})`;
  return [
    // A step that shares no factor with 200 spreads them.
    `CREATE TABLE ${DATABASE}.chosen (PRIMARY KEY (itemid))
       SELECT itemid, folderid, ROW_NUMBER() OVER (ORDER BY itemid) AS number FROM ${name}
       WHERE ${where} AND itemid * 73 MOD ${DIFFERING_IN.of} < ${DIFFERING_IN.rows}`,
    `DELETE FROM ${name} WHERE ${of(0)}`,
    `UPDATE ${name} SET ts = ts + 1 WHERE ${of(1)}`,
    `INSERT INTO ${name} SELECT folderid, 1, itemid, 1, 1, 'extra' FROM ${DATABASE}.chosen WHERE number MOD 3 = 2`,
    `DROP TABLE ${DATABASE}.chosen`,
  ];
}

async function writeConfig(old: Mariadb, fresh: Mariadb): Promise<string> {
  const folder = temporaryDirectory('bench-sync');
  const file = join(folder, 'proxy.config.json');
  const place = ({ host, port }: Mariadb) => ({ host, port, database: DATABASE });
  writeFileSync(
    file,
    JSON.stringify({
      service: 'bench',
      admin: { port: await freePort() },
      tables: Object.fromEntries(TABLES.map((table) => [table, { key: 'folderid' }])),
      shards: [{ name: 's00', port: await freePort(), old: place(old), new: place(fresh) }],
      oldUser: { user: 'root' },
      newUser: { user: 'root' },
      sync: { checkpoint: join(folder, 'checkpoint') },
    }),
  );
  return file;
}
