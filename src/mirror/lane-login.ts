/**
 * Logs a lane in. mysql2 speaks the login, with whatever plugin the account has, over a stream of ours; once
 * it is done the socket is ours alone and mysql2 hears no more of it.
 */
import type { Socket } from 'node:net';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2';
import type { Account } from '../config/load.ts';
import { LoginStream, loginOptions, type ServerAddress } from './login-stream.ts';
import { begunWith, SHADOW_VARIABLES } from './shadow-dialect.ts';
import type { ServerKind } from './sql-modes.ts';

export interface LaneTarget extends ServerAddress {
  readonly account: Account;
  readonly connectTimeoutMs: number;
}

export interface LoggedIn {
  /** Encrypted, where the target asks for it. */
  readonly socket: Socket;
  /** The server's id of the connection, for KILL. */
  readonly connectionId: number;
  /** Whose words the server speaks. */
  readonly kind: ServerKind;
  /** What the session begins with, as SQL: the variables that replays depend on. */
  readonly begun: ReadonlyMap<string, string>;
}

interface VariableRow extends RowDataPacket {
  readonly Variable_name: string;
  readonly Value: string;
}

/**
 * Affected rows are counted as the primary counts them for most clients (FOUND_ROWS off); a replayed text is
 * one statement (MULTI_STATEMENTS off) and can't ask for our files (LOCAL_FILES off).
 */
const FLAGS = [
  '-FOUND_ROWS',
  '-LOCAL_FILES',
  '-IGNORE_SPACE',
  '-ODBC',
  '-SESSION_TRACK',
  '-CLIENT_QUERY_ATTRIBUTES',
  '-QUERY_ATTRIBUTES',
  '-DEPRECATE_EOF',
  '-MULTI_STATEMENTS',
  '+PS_MULTI_RESULTS',
];

/** Rejects with the reason when the server can't be reached, refuses the account, or sends nonsense. */
export function logIn(target: LaneTarget): Promise<LoggedIn> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const finish = (outcome: Error | Omit<LoggedIn, 'socket'>): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      const socket = stream.cut();
      if (!(outcome instanceof Error)) {
        resolve({ socket, ...outcome });
        return;
      }
      socket.on('error', () => {});
      socket.destroy();
      reject(outcome);
    };
    const timer = setTimeout(
      () => finish(new Error(`no login within ${target.connectTimeoutMs} ms`)),
      target.connectTimeoutMs,
    );
    const stream = new LoginStream(target, finish);
    const connection = createConnection({
      stream,
      user: target.account.user,
      password: target.account.password,
      flags: FLAGS,
      charset: 'utf8mb4',
      connectAttributes: { program_name: 'understudy' },
      ...loginOptions(target.tls, target.account.password),
    });
    connection.on('error', finish);
    connection.on('connect', ({ serverVersion }: { serverVersion: string }) => {
      const kind = /mariadb/i.test(serverVersion) ? 'mariadb' : 'mysql';
      askBegun(connection, (outcome) =>
        finish(
          outcome instanceof Error ? outcome : { connectionId: connection.threadId, kind, begun: outcome },
        ),
      );
    });
  });
}

function askBegun(
  connection: Connection,
  done: (outcome: Error | ReadonlyMap<string, string>) => void,
): void {
  const sql = 'SHOW SESSION VARIABLES WHERE Variable_name IN (?)';
  connection.query<VariableRow[]>(sql, [SHADOW_VARIABLES], (error, rows) => {
    if (error !== null) {
      done(error);
      return;
    }
    // What a server does not tell it counts as not having: what depends on that is a doubt.
    const told = Array.isArray(rows) ? rows : [];
    done(begunWith(new Map(told.map((row) => [String(row.Variable_name), String(row.Value)]))));
  });
}
