/** The loads, each run through a proxy to its end. */
import { type Connection, createConnection } from 'mysql2/promise';
import { parseSysbench } from '../../bench/sysbench.ts';
import { runCommand } from '../../test/harness/cli.ts';
import { createLoad, type Statement } from '../../test/harness/message-centre-load.ts';
import { createRandom } from '../../test/harness/random.ts';
import { RowWriter } from '../../test/harness/row-writer.ts';
import type { FidelityCase } from './cases.ts';
import type { SysbenchTables } from './sysbench-tables.ts';

export interface LoadPlace {
  readonly port: number;
  readonly database: string;
  readonly seconds: number;
  readonly threads: number;
  readonly seed: number;
}

const MARGIN_MS = 60_000;
/** Deadlock, record changed, lock wait: part of such a load. Duplicate key: without transactions two sessions insert one id. */
const IGNORED_ERRORS = '1213,1020,1205,1062';
/** What a session of the message centre may meet when others delete and insert beside it. */
const TOLERATED: ReadonlySet<number> = new Set([1213, 1205]);

/** Answers how many statements were sent. Throws where a client saw an error that is none of the load's own. */
export async function runSysbench(
  { load, protocol }: FidelityCase,
  { port, database, seconds, threads, seed }: LoadPlace,
  { tables, rows }: SysbenchTables,
): Promise<number> {
  const args = [
    load,
    ...['--mysql-host=127.0.0.1', `--mysql-port=${port}`, '--mysql-user=root', `--mysql-db=${database}`],
    ...[`--tables=${tables}`, `--table-size=${rows}`, '--rand-type=uniform', `--rand-seed=${seed}`],
    ...[`--threads=${threads}`, `--time=${seconds}`, `--mysql-ignore-errors=${IGNORED_ERRORS}`],
    `--db-ps-mode=${protocol === 'prepared' ? 'auto' : 'disable'}`,
    ...['--percentile=99', 'run'],
  ];
  const done = await runCommand('sysbench', args, { timeoutMs: seconds * 1000 + MARGIN_MS });
  if (done.code !== 0) throw new Error(`sysbench ${args.join(' ')}\n${done.stdout}${done.stderr}`);
  return parseSysbench(done.stdout).statements;
}

/** Sessions of the message centre, `threads` at a time, all over the same folders. */
export async function runMessageCentre(
  { port, database, seconds, threads, seed }: LoadPlace,
  folders: number,
): Promise<number> {
  const end = performance.now() + seconds * 1000;
  const run = async (stream: number): Promise<number> => {
    const load = createLoad({ seed, folders, stream });
    let statements = 0;
    while (performance.now() < end) {
      const connection = await createConnection({ host: '127.0.0.1', port, user: 'root', database });
      try {
        for (const statement of load.next().statements) {
          await send(connection, statement);
          statements += 1;
        }
      } finally {
        await connection.end();
      }
    }
    return statements;
  };
  const counts = await Promise.all(Array.from({ length: threads }, (_, stream) => run(stream)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function send(connection: Connection, { sql, params, prepared }: Statement): Promise<void> {
  try {
    if (prepared)
      await connection.execute(
        sql,
        params.map((value) => (typeof value === 'bigint' ? String(value) : value)),
      );
    else await connection.query(sql);
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
    if (!TOLERATED.has(errno)) throw error;
  }
}

/** Clients that share no row: whatever differs then is no matter of two writes at once. */
export async function runOwnRows(
  { port, database, seconds, threads, seed }: LoadPlace,
  folders: number,
): Promise<number> {
  const end = performance.now() + seconds * 1000;
  const writers = Array.from(
    { length: threads },
    (_, index) =>
      new RowWriter({
        first: 1 + index * folders,
        folders,
        shared: { first: 0, folders: 0 },
        random: createRandom(seed * 31 + index),
        port: () => port,
        database,
      }),
  );
  await Promise.all(
    writers.map(async (writer) => {
      while (performance.now() < end) await writer.session();
    }),
  );
  return writers.reduce((sum, { statements }) => sum + statements, 0);
}
