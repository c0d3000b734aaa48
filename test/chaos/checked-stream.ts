/**
 * One visitor after the other, and beside each statement the same one on a reference database, without the
 * proxy: whatever the two answers differ in is a fault.
 */
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import type { Load, Session, Statement } from '../harness/message-centre-load.ts';

/** A statement without an answer for so long is a fault: a client that hangs must not pass for a happy one. */
const ANSWER_TIMEOUT_MS = 30_000;
const FAULTS_KEPT_MAX = 10;

export interface Place {
  readonly port: number;
  readonly database: string;
}

/** What clients saw, summed up over streams. */
export class Witness {
  statements = 0;
  sessions = 0;
  faults = 0;
  /** The first few. */
  readonly samples: string[] = [];
  /** Statements on moved tables alone, by kind, that got their answer. */
  readonly moved = { read: 0, write: 0, delete: 0 };

  fault(text: string): void {
    this.faults += 1;
    if (this.samples.length < FAULTS_KEPT_MAX) this.samples.push(text);
  }
}

export interface CheckedStreamOptions {
  readonly name: string;
  readonly load: Load;
  /** Through the proxy. */
  readonly tested: Place;
  /** Directly, to a database that held the same rows at the start. */
  readonly reference: Place;
  readonly account?: Pick<ConnectionOptions, 'user'>;
  /** Several streams of one proxy may share one. */
  readonly witness: Witness;
}

/** Runs whole sessions until `over`; never rejects: what goes wrong is told to the witness. */
export async function runCheckedStream(options: CheckedStreamOptions, over: () => boolean): Promise<void> {
  const reference = await open(options, options.reference);
  let staying: Connection | undefined;
  while (!over()) {
    const session = options.load.next();
    try {
      const connection = staying ?? (await open(options, options.tested));
      staying = session.length === 'long' ? connection : undefined;
      await runSession(options, session, connection, reference);
      if (staying === undefined) await connection.end();
      options.witness.sessions += 1;
    } catch (error) {
      options.witness.fault(`${options.name}: ${describe(error)}`);
      // The reference has run ahead of a session that died: from here on nothing can be compared.
      break;
    }
  }
  staying?.destroy();
  reference.destroy();
}

async function runSession(
  options: CheckedStreamOptions,
  { statements }: Session,
  connection: Connection,
  reference: Connection,
): Promise<void> {
  for (const statement of statements) {
    // Never at once: two streams, each first in one of the databases, would wait for each other's locks.
    const got = await run(connection, statement);
    const wanted = await run(reference, statement);
    options.witness.statements += 1;
    if (statement.moved && statement.kind !== 'other') options.witness.moved[statement.kind] += 1;
    if (comparable(statement, got) === comparable(statement, wanted)) continue;
    options.witness.fault(
      `${options.name}: ${statement.sql.slice(0, 200)} gave ${comparable(statement, got).slice(0, 300)} instead of ${comparable(statement, wanted).slice(0, 300)}`,
    );
  }
}

/** Values of the tables that stay are shared by all streams: of those, only the shape can be compared. */
function comparable(statement: Statement, result: unknown): string {
  if (!statement.moved && Array.isArray(result)) return `${result.length} rows`;
  return JSON.stringify(result);
}

async function run(connection: Connection, { sql, params, prepared }: Statement): Promise<unknown> {
  const options = { sql, timeout: ANSWER_TIMEOUT_MS };
  try {
    const [result] = prepared
      ? await connection.execute(options, [...params])
      : await connection.query(options);
    return result;
  } catch (error) {
    // What the server says of a statement is an answer too, if it is the same on both sides.
    if (error instanceof Error && 'sqlState' in error && !('fatal' in error && error.fatal === true))
      return { error: describe(error) };
    throw error;
  }
}

async function open({ account }: CheckedStreamOptions, place: Place): Promise<Connection> {
  const connection = await createConnection({
    host: '127.0.0.1',
    user: 'root',
    ...account,
    ...place,
    rowsAsArray: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    connectTimeout: ANSWER_TIMEOUT_MS,
  });
  // An error between two statements has none to fail; the next one then fails by itself.
  connection.on('error', () => {});
  return connection;
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? `${String(error.code)} ` : '';
  return `${code}${error.message}`.slice(0, 300);
}
