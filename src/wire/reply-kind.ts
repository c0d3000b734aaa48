/** What form of reply each command has. MySQL manual: "Command Phase". */
import { COM } from './protocol.ts';

export type ReplyKind =
  /** No reply at all. */
  | 'none'
  /** One packet, whatever it holds. */
  | 'single'
  /** OK, ERR, a LOCAL INFILE request or result sets, one or several. */
  | 'result'
  | 'prepare'
  /** Rows at once, without column definitions. */
  | 'fetch'
  /** Column definitions up to an EOF. */
  | 'fields'
  /** An authentication exchange up to OK or ERR. */
  | 'authentication'
  /** Packets without an end: a binlog. */
  | 'stream';

const KINDS: ReadonlyMap<number, ReplyKind> = new Map<number, ReplyKind>([
  [COM.SLEEP, 'single'],
  [COM.QUIT, 'none'],
  [COM.INIT_DB, 'single'],
  [COM.QUERY, 'result'],
  [COM.FIELD_LIST, 'fields'],
  [COM.CREATE_DB, 'single'],
  [COM.DROP_DB, 'single'],
  [COM.REFRESH, 'single'],
  [COM.SHUTDOWN, 'single'],
  [COM.STATISTICS, 'single'],
  [COM.PROCESS_INFO, 'result'],
  [COM.PROCESS_KILL, 'single'],
  [COM.DEBUG, 'single'],
  [COM.PING, 'single'],
  [COM.CHANGE_USER, 'authentication'],
  [COM.BINLOG_DUMP, 'stream'],
  [COM.BINLOG_DUMP_GTID, 'stream'],
  [COM.TABLE_DUMP, 'stream'],
  [COM.REGISTER_SLAVE, 'single'],
  [COM.STMT_PREPARE, 'prepare'],
  [COM.STMT_EXECUTE, 'result'],
  [COM.STMT_BULK_EXECUTE, 'result'],
  [COM.STMT_SEND_LONG_DATA, 'none'],
  [COM.STMT_CLOSE, 'none'],
  [COM.STMT_RESET, 'single'],
  [COM.SET_OPTION, 'single'],
  [COM.STMT_FETCH, 'fetch'],
  [COM.RESET_CONNECTION, 'single'],
  [COM.CLONE, 'stream'],
]);

const TABLE: readonly ReplyKind[] = Array.from({ length: 256 }, (_, type) => KINDS.get(type) ?? 'single');

/** A command byte that no manual knows is refused by servers with one ERR packet. */
export function replyKind(type: number): ReplyKind {
  return TABLE[type & 0xff]!;
}
