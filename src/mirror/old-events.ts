/** Reads which events of the old server's scheduler may write tables that move, as far as oldUser may see them. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { readProgramText } from '../sql/program-text.ts';
import { modeOf } from './sql-mode-list.ts';

export interface EventScope {
  /** The shard's; null: every one. */
  readonly database: string | null;
  readonly timeoutMs: number;
  readonly isMoved: (name: string) => boolean;
}

interface EventRow extends RowDataPacket {
  readonly db: string;
  readonly name: string;
  readonly text: string | null;
  readonly sqlMode: string;
}

const EVENTS_MAX = 1000;

/** `database.name` of each, in order. One that calls what is not built in counts where it names the shard's database or is in it. */
export async function eventsOfConcern(connection: Connection, scope: EventScope): Promise<string[]> {
  const { database, timeoutMs, isMoved } = scope;
  const sql = `SELECT EVENT_SCHEMA AS db, EVENT_NAME AS name, EVENT_DEFINITION AS text, SQL_MODE AS sqlMode
      FROM information_schema.EVENTS
     WHERE STATUS = 'ENABLED' AND (? IS NULL OR EVENT_SCHEMA = ? OR INSTR(LOWER(EVENT_DEFINITION), LOWER(?)) > 0)
     ORDER BY EVENT_SCHEMA, EVENT_NAME LIMIT ${EVENTS_MAX}`;
  const values = [database, database, database];
  const [rows] = await connection.query<EventRow[]>({ sql, values, timeout: timeoutMs });
  const named = rows
    .filter(({ text, sqlMode }) => {
      const { names, calls, complete } = readProgramText(text ?? '', modeOf(sqlMode));
      return !complete || calls.size > 0 || [...names].some(isMoved);
    })
    .map(({ db, name }) => `${db}.${name}`);
  return rows.length < EVENTS_MAX ? named : [...named, `and perhaps others beyond the first ${EVENTS_MAX}`];
}
