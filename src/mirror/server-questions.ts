/** What the schema reader asks a server besides its schema: settings, time zone, and the time. */
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { Account } from '../config/load.ts';
import type { NamesSeen, ServerZone } from './global-settings.ts';
import { LoginStream, loginOptions, type ServerAddress } from './login-stream.ts';
import type { ClockSample } from './primary-clock.ts';

export interface AskedServer extends ServerAddress {
  readonly account: Account;
  readonly timeoutMs: number;
}

interface VariableRow extends RowDataPacket {
  readonly Variable_name: string;
  readonly Value: string;
}

/**
 * Nobody's default: a session that has it got it by its login. The house's own words and names read the same under
 * any Unicode collation.
 */
const ASKED_COLLATION = 'utf8mb4_esperanto_ci';

/** Of the rest the default character sets are not known. */
const DATABASES_MAX = 1000;

/** Opens a connection of our own, gives it to `work`, and ends it. Rejects where the server can't be reached. */
export async function asking<T>(
  server: AskedServer,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const stream: LoginStream = new LoginStream(server, (error) => stream.destroy(error));
  try {
    const connection = await createConnection({
      stream,
      user: server.account.user,
      password: server.account.password,
      connectTimeout: server.timeoutMs,
      charset: ASKED_COLLATION,
      ...loginOptions(server.tls, server.account.password),
    });
    // A connection that breaks between two queries reports by event, which unheard would end the process.
    connection.on('error', () => {});
    return await work(connection);
  } finally {
    // mysql2 would only end what it writes to, and the server would keep the connection for hours.
    stream.destroy();
  }
}

/** Global variables by name; those that the server does not have are left out. */
export async function globalVariables(
  connection: Connection,
  names: readonly string[],
  timeout: number,
): Promise<ReadonlyMap<string, string>> {
  const [rows] = await connection.query<VariableRow[]>({
    sql: 'SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)',
    values: [names],
    timeout,
  });
  return new Map(rows.map((row) => [row.Variable_name, row.Value]));
}

/** What the server made of the collation of our login; `collations`: the ids of those that it has. */
export async function namesSeen(
  connection: Connection,
  database: string | null,
  collations: ReadonlySet<number>,
  timeout: number,
): Promise<NamesSeen> {
  const [own] = await connection.query<RowDataPacket[]>({
    sql: 'SELECT @@SESSION.collation_connection AS given',
    timeout,
  });
  const [schemata] = await connection.query<RowDataPacket[]>({
    sql: `SELECT SCHEMA_NAME AS name, DEFAULT_COLLATION_NAME AS collation FROM information_schema.SCHEMATA
           WHERE SCHEMA_NAME = COALESCE(?, SCHEMA_NAME) LIMIT ${DATABASES_MAX}`,
    values: [database],
    timeout,
  });
  return {
    databases: new Map(schemata.map((row) => [String(row.name), String(row.collation)])),
    asked: ASKED_COLLATION,
    given: String(own[0]?.given),
    collations,
  };
}

/** `moments`: seconds since 1970. The session is left in the server's own time zone. */
export async function zoneOf(
  connection: Connection,
  moments: readonly number[],
  timeout: number,
): Promise<ServerZone> {
  // init_connect may have set another one.
  await connection.query({ sql: 'SET SESSION time_zone = @@GLOBAL.time_zone', timeout });
  const columns = moments.map((_, index) => {
    return `TIMESTAMPDIFF(SECOND, '1970-01-01', FROM_UNIXTIME(?)) - ? AS o${index}`;
  });
  const [rows] = await connection.query<RowDataPacket[]>({
    sql: `SELECT @@GLOBAL.time_zone AS name, ${columns.join(', ')}`,
    values: moments.flatMap((moment) => [moment, moment]),
    timeout,
  });
  const row: Partial<RowDataPacket> = rows[0] ?? {};
  return { name: String(row.name), offsets: moments.map((_, index) => Number(row[`o${index}`])) };
}

/** Asked several times, as the shortest round trip tells most. The session is left in UTC. */
export async function clockSamples(
  connection: Connection,
  times: number,
  now: () => number,
  timeout: number,
): Promise<ClockSample[]> {
  // In a zone with summer time an hour of local time comes twice.
  await connection.query({ sql: "SET SESSION time_zone = '+00:00'", timeout });
  const samples: ClockSample[] = [];
  for (let sample = 0; sample < times; sample++) {
    const askedAtMs = now();
    const [rows] = await connection.query<RowDataPacket[]>({
      sql: 'SELECT UNIX_TIMESTAMP(SYSDATE(6)) AS seconds',
      timeout,
    });
    samples.push({ askedAtMs, answeredAtMs: now(), primaryMs: Number(rows[0]?.seconds) * 1000 });
  }
  return samples;
}
