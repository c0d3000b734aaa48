/** Waits until a replica has carried out what its primary had when it was asked. */
import type { SyncServer } from './sync-server.ts';
import type { Value } from './value.ts';

/** `untold`: the servers do not say how far they are, or the account may not ask. */
export type CatchUp = 'caught_up' | 'late' | 'untold';

export type WaitingServer = Pick<SyncServer, 'kind' | 'rows'>;

interface Wait {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** Rejects where a server can't be reached. */
export async function waitForReplica(
  primary: WaitingServer,
  replica: WaitingServer,
  timeoutMs: number,
): Promise<CatchUp> {
  if (primary.kind !== replica.kind) return 'untold';
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1000));
  const wait = (await byGtid(primary, seconds)) ?? (await byPosition(primary, seconds));
  if (wait === null) return 'untold';
  try {
    const [row] = await replica.rows(wait.sql, wait.values);
    return verdictOf(row?.[0] ?? null);
  } catch (error) {
    if (isRefusal(error)) return 'untold';
    throw error;
  }
}

/** NULL: it follows nobody. -1: the time was up; 1 is MySQL's word for that, of a wait for GTIDs; from there on events waited for. */
function verdictOf(value: Value): CatchUp {
  if (value === null) return 'untold';
  return value === '-1' || value === 'late' ? 'late' : 'caught_up';
}

async function byGtid(primary: WaitingServer, seconds: number): Promise<Wait | null> {
  const variable = primary.kind === 'mariadb' ? '@@GLOBAL.gtid_binlog_pos' : '@@GLOBAL.gtid_executed';
  const [row] = await primary.rows(`SELECT ${variable}`);
  const position = row?.[0] ?? '';
  // Without a binlog, or without GTIDs in it, there is nothing to wait for.
  if (typeof position !== 'string' || position === '') return null;
  const sql =
    primary.kind === 'mariadb'
      ? 'SELECT MASTER_GTID_WAIT(?, ?)'
      : "SELECT IF(WAIT_FOR_EXECUTED_GTID_SET(?, ?) = 0, 'caught up', 'late')";
  return { sql, values: [position, seconds] };
}

/** Needs REPLICATION CLIENT, which is BINLOG MONITOR on MariaDB. */
async function byPosition(primary: WaitingServer, seconds: number): Promise<Wait | null> {
  try {
    const [row] = await primary.rows(
      primary.kind === 'mariadb' ? 'SHOW MASTER STATUS' : 'SHOW BINARY LOG STATUS',
    );
    const [file = null, position = null] = row ?? [];
    if (file === null || position === null) return null;
    const wait = primary.kind === 'mariadb' ? 'MASTER_POS_WAIT' : 'SOURCE_POS_WAIT';
    return { sql: `SELECT ${wait}(?, ?, ?)`, values: [file, Number(position), seconds] };
  } catch (error) {
    if (isRefusal(error)) return null;
    throw error;
  }
}

/** The server has answered, with an error of its own: a missing right, or words that it does not know. */
function isRefusal(error: unknown): boolean {
  const { errno } = error as { errno?: unknown };
  return typeof errno === 'number' && errno >= 1000 && errno < 2000;
}
