/**
 * What each statement was to the server, out of its performance schema: the command it counted (by the names of
 * its `Com_` counters), whether it failed, the rows it changed, and the tables that it locked.
 */
import { MODE_QUERY, type Sent } from './player.ts';
import type { SuiteServer } from './suite-server.ts';

export interface LockedTable {
  readonly database: string;
  readonly name: string;
  readonly written: boolean;
}

/** One statement, as the server ran it. */
export interface ServerStatement {
  /** 'select', 'insert_select', 'create_table' …; 'error' for what it could not parse. */
  readonly command: string;
  readonly errno: number;
  readonly rowsChanged: number;
  readonly database: string | null;
  /** Triggers or stored functions ran inside it. */
  readonly ranPrograms: boolean;
  readonly locked: readonly LockedTable[];
}

interface EventRow {
  readonly thread: number;
  readonly event: number;
  readonly name: string;
  readonly text: string | null;
  readonly errno: number;
  readonly rowsChanged: number;
  readonly db: string | null;
  readonly nestedIn: number | null;
}

interface LockRow {
  readonly thread: number;
  readonly event: number;
  readonly db: string;
  readonly name: string;
  readonly written: number;
}

const PING = 'statement/com/Ping';

/** The statements of each command; a command that the record has lost is left out. */
export async function readRecord(
  server: SuiteServer,
  sent: readonly Sent[],
): Promise<Map<Sent, ServerStatement[]>> {
  const events = await server.ask<EventRow>(
    'SELECT THREAD_ID AS thread, EVENT_ID AS event, EVENT_NAME AS name, SQL_TEXT AS text, MYSQL_ERRNO AS errno, ' +
      'ROWS_AFFECTED AS rowsChanged, CURRENT_SCHEMA AS db, NESTING_EVENT_ID AS nestedIn ' +
      'FROM performance_schema.events_statements_history_long ORDER BY THREAD_ID, EVENT_ID',
  );
  const locks = await server.ask<LockRow>(
    'SELECT THREAD_ID AS thread, NESTING_EVENT_ID AS event, OBJECT_SCHEMA AS db, OBJECT_NAME AS name, ' +
      "MAX(OPERATION = 'write external') AS written FROM performance_schema.events_waits_history_long " +
      "WHERE OPERATION IN ('read external', 'write external') GROUP BY 1, 2, 3, 4",
  );
  const locked = groupBy(locks, ({ thread, event }) => `${thread}/${event}`);
  const nesting = new Set(events.map(({ thread, nestedIn }) => `${thread}/${nestedIn}`));
  const byThread = groupBy(events, ({ thread }) => String(thread));
  const found = new Map<Sent, ServerStatement[]>();
  for (const [thread, commands] of groupBy(sent, ({ session }) => String(session.threadId))) {
    const kept = byThread.get(thread) ?? [];
    // The first thing that a session did: where it is gone, the record has lost its beginning.
    if (kept.find(isOwnStatement)?.text !== MODE_QUERY) continue;
    const groups = partAtPings(kept);
    for (const [index, command] of commands.entries()) {
      if (command.outcome === 'lost' || command.outcome === 'waiting') break;
      const group = groups[index];
      if (group === undefined) break;
      found.set(
        command,
        group.map((event) => statementOf(event, locked, nesting)),
      );
    }
  }
  return found;
}

function isOwnStatement(event: EventRow): boolean {
  return event.nestedIn === null && !event.name.includes('/com/');
}

function partAtPings(events: readonly EventRow[]): EventRow[][] {
  const groups: EventRow[][] = [];
  let group: EventRow[] = [];
  for (const event of events) {
    if (event.name === PING) {
      groups.push(group);
      group = [];
    } else if (isOwnStatement(event) && event.text !== MODE_QUERY) {
      group.push(event);
    }
  }
  return groups;
}

function statementOf(
  event: EventRow,
  locked: ReadonlyMap<string, readonly LockRow[]>,
  nesting: ReadonlySet<string>,
): ServerStatement {
  const id = `${event.thread}/${event.event}`;
  return {
    command: event.name.slice(event.name.lastIndexOf('/') + 1),
    errno: event.errno,
    rowsChanged: event.rowsChanged,
    database: event.db,
    ranPrograms: nesting.has(id),
    locked: (locked.get(id) ?? []).map(({ db, name, written }) => ({
      database: db,
      name,
      written: Number(written) === 1,
    })),
  };
}

function groupBy<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}
