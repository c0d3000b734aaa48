/** Numbers of the protocol. MySQL manual: "Command Phase", "SERVER_STATUS_flags_enum". */

export const COM = {
  SLEEP: 0x00,
  QUIT: 0x01,
  INIT_DB: 0x02,
  QUERY: 0x03,
  FIELD_LIST: 0x04,
  CREATE_DB: 0x05,
  DROP_DB: 0x06,
  REFRESH: 0x07,
  SHUTDOWN: 0x08,
  STATISTICS: 0x09,
  PROCESS_INFO: 0x0a,
  PROCESS_KILL: 0x0c,
  DEBUG: 0x0d,
  PING: 0x0e,
  CHANGE_USER: 0x11,
  BINLOG_DUMP: 0x12,
  TABLE_DUMP: 0x13,
  REGISTER_SLAVE: 0x15,
  STMT_PREPARE: 0x16,
  STMT_EXECUTE: 0x17,
  STMT_SEND_LONG_DATA: 0x18,
  STMT_CLOSE: 0x19,
  STMT_RESET: 0x1a,
  SET_OPTION: 0x1b,
  STMT_FETCH: 0x1c,
  BINLOG_DUMP_GTID: 0x1e,
  RESET_CONNECTION: 0x1f,
  CLONE: 0x20,
  /** MariaDB: one statement over many rows of parameters. */
  STMT_BULK_EXECUTE: 0xfa,
} as const;

export const STATUS = {
  IN_TRANS: 0x1,
  AUTOCOMMIT: 0x2,
  MORE_RESULTS_EXISTS: 0x8,
  CURSOR_EXISTS: 0x40,
  LAST_ROW_SENT: 0x80,
  NO_BACKSLASH_ESCAPES: 0x200,
  PS_OUT_PARAMS: 0x1000,
  SESSION_STATE_CHANGED: 0x4000,
  /** MariaDB. */
  ANSI_QUOTES: 0x8000,
} as const;

/** A packet's payload is at most this long; exactly this long, the next packet continues it. */
export const MAX_PAYLOAD = 0xff_ffff;

export const HEADER_LENGTH = 4;
