/** What a replica says of its own replication. */
import { messageOf } from '../base/errors.ts';
import type { ServerKind } from './side.ts';
import type { Row, Value } from './value.ts';

export type ReplicationState =
  /** It follows nobody. */
  | { readonly type: 'none' }
  /** Its threads run; `lagSeconds` as it reckons. */
  | { readonly type: 'running'; readonly lagSeconds: number }
  /** A part of a sentence: which thread, and the last error. */
  | { readonly type: 'stopped'; readonly why: string }
  /** The account may not ask, or the server did not answer. */
  | { readonly type: 'unknown'; readonly reason: string };

export interface AskedReplica {
  readonly kind: ServerKind;
  rows(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** Never rejects. Needs REPLICATION CLIENT on MySQL, SLAVE MONITOR on MariaDB. */
export async function replicationState(replica: AskedReplica): Promise<ReplicationState> {
  try {
    return worstOf(await channels(replica));
  } catch (error) {
    return { type: 'unknown', reason: messageOf(error) };
  }
}

interface Channel {
  readonly io: string;
  readonly sql: string;
  /** Null: it can't tell. */
  readonly lagSeconds: number | null;
  readonly error: string;
}

/** Several sources, or channels: what is behind in one of them is behind. */
function worstOf(all: readonly Channel[]): ReplicationState {
  if (all.length === 0) return { type: 'none' };
  for (const { io, sql, lagSeconds, error } of all) {
    const tail = error === '' ? '' : `: ${error}`;
    if (sql !== 'Yes') return { type: 'stopped', why: `its SQL thread does not run${tail}` };
    if (io !== 'Yes') return { type: 'stopped', why: `its I/O thread is not connected${tail}` };
    if (lagSeconds === null) return { type: 'stopped', why: `it can't tell how far it is${tail}` };
  }
  return { type: 'running', lagSeconds: Math.max(...all.map(({ lagSeconds }) => lagSeconds ?? 0)) };
}

/** ER_PARSE_ERROR: MySQL before 8.0.22 knows the older words alone, and 8.4 the newer ones. */
const PARSE_ERROR = 1064;

async function channels(replica: AskedReplica): Promise<Channel[]> {
  if (replica.kind === 'mariadb') {
    const rows = await replica.rows('SHOW ALL SLAVES STATUS');
    // The connection's name and the state of its SQL thread stand before the columns that all servers have.
    return rows.map((row) => channelOf(row.slice(2)));
  }
  try {
    return (await replica.rows('SHOW REPLICA STATUS')).map(channelOf);
  } catch (error) {
    if ((error as { readonly errno?: number }).errno !== PARSE_ERROR) throw error;
    return (await replica.rows('SHOW SLAVE STATUS')).map(channelOf);
  }
}

/**
 * By place, as the names of the columns differ and the places have not changed since 5.0.
 * https://dev.mysql.com/doc/refman/8.4/en/show-replica-status.html
 */
function channelOf(row: Row): Channel {
  const lag = row[32];
  return {
    io: textOf(row[10]),
    sql: textOf(row[11]),
    lagSeconds: lag === null || lag === undefined ? null : Number(lag.toString()),
    error: textOf(row[37]) || textOf(row[35]),
  };
}

function textOf(value: Value | undefined): string {
  return value?.toString() ?? '';
}
