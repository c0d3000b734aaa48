/** Why a repair's transaction failed: the rows that it was of, or the server, which takes no other rows either. */
import { messageOf } from '../base/errors.ts';
import { refusalRemedy } from './refusal-remedy.ts';
import { ConnectionLost, QueryTimedOut } from './sync-connection.ts';

/** Rows are not taken just now, whichever they are; `cause` says why. */
export class TargetLost extends Error {
  override readonly name = 'TargetLost';

  constructor(cause: unknown) {
    super(`${messageOf(cause)}${refusalRemedy(cause)}`, { cause });
  }
}

/** What a server says of itself, of a table or of an account: smaller parts would be told the same. */
const OF_NO_ROWS: ReadonlySet<number> = new Set([
  // ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED, ER_HOST_IS_BLOCKED, ER_HOST_NOT_PRIVILEGED
  ...[1040, 1203, 1226, 1129, 1130],
  // ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR
  ...[1045, 1698, 1044, 1142, 1143, 1227],
  // ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE
  ...[1049, 1146],
  // ER_SERVER_SHUTDOWN, ER_QUERY_INTERRUPTED
  ...[1053, 1317],
  // ER_OPTION_PREVENTS_STATEMENT, ER_READ_ONLY_MODE, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_CANT_UPDATE_WITH_READLOCK
  ...[1290, 1836, 1792, 1223],
  // ER_DISK_FULL, ER_RECORD_FILE_FULL, ER_OUTOFMEMORY, ER_OUT_OF_RESOURCES
  ...[1021, 1114, 1037, 1041],
]);

/**
 * `rows`: the server has refused what it was given, and may take others. `connection`: it ended the connection before a
 * COMMIT, because it is gone, or because a packet was too large for it. `time`: it took longer than it may, because the
 * server is slow, or because somebody holds one of the rows. `server`: no rows would fare better.
 */
export function faultOf(error: unknown): 'rows' | 'connection' | 'time' | 'server' {
  if (error instanceof QueryTimedOut) return 'time';
  if (error instanceof ConnectionLost) return error.committing ? 'server' : 'connection';
  const { errno, sqlState } = Object(error) as { readonly errno?: unknown; readonly sqlState?: unknown };
  // What did not come from a server has no SQLSTATE.
  if (typeof errno !== 'number' || typeof sqlState !== 'string') return 'server';
  return OF_NO_ROWS.has(errno) ? 'server' : 'rows';
}
