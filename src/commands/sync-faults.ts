/** What keeps a sync from its work, in words that say where to look; and whether that is the configuration. */
import { messageOf } from '../base/errors.ts';
import type { Config } from '../config/load.ts';
import { SharedStoreLost } from '../control/shared-store.ts';
import { ConnectionLost, QueryTimedOut } from '../sync/sync-connection.ts';
import { ServerUnreachable } from '../sync/sync-server.ts';

export interface SyncFault {
  readonly text: string;
  /** 2: the configuration can't be right; 1: it can. */
  readonly code: 1 | 2;
}

/** They may pass by themselves: the server is down, or out of reach. */
const PASSING = /^(?:ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|PROTOCOL_|ERR_STREAM|EAI_AGAIN)/;
/** ER_CON_COUNT_ERROR, ER_SERVER_SHUTDOWN, ER_TOO_MANY_USER_CONNECTIONS, ER_HOST_IS_BLOCKED */
const PASSING_ERRORS: ReadonlySet<unknown> = new Set([1040, 1053, 1203, 1129]);

/** Null: it is no server's fault, nor etcd's, but one of ours. */
export function syncFaultOf(error: unknown, { file }: Pick<Config, 'file'>): SyncFault | null {
  if (error instanceof ServerUnreachable) return unreachable(error, file);
  if (error instanceof SharedStoreLost) return { text: error.message, code: 1 };
  const isServers =
    error instanceof ConnectionLost || error instanceof QueryTimedOut || 'sqlState' in Object(error);
  return isServers ? { text: messageOf(error), code: 1 } : null;
}

function unreachable({ message, cause, place }: ServerUnreachable, file: string): SyncFault {
  const { code, errno } = (cause ?? {}) as { readonly code?: unknown; readonly errno?: unknown };
  if (PASSING.test(String(code)) || PASSING_ERRORS.has(errno) || cause instanceof QueryTimedOut)
    return { text: `${message} (is it running, and can it be reached from here?)`, code: 1 };
  const { shard, side, role, database } = place;
  const server = `${side}${role === 'replica' ? '.replica' : ''}`;
  const remedies: Readonly<Record<string, string>> = {
    // ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    1045: `see ${side}User in ${file}, and the accounts of that server`,
    1698: `see ${side}User in ${file}, and the accounts of that server`,
    // ER_DBACCESS_DENIED_ERROR
    1044: `grant the account SELECT ON \`${database}\`.*${side === 'new' && role === 'primary' ? ', and INSERT and DELETE' : ''}`,
    // ER_BAD_DB_ERROR
    1049: `see ${server}.database of shard ${shard} in ${file}`,
    ENOTFOUND: `see ${server}.host of shard ${shard} in ${file}`,
  };
  const remedy =
    remedies[String(errno)] ??
    remedies[String(code)] ??
    `see ${server} of shard ${shard}, and ${side}Tls, in ${file}`;
  return { text: `${message} (${remedy})`, code: 2 };
}
