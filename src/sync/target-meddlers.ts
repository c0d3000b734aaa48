/** What of a repaired table acts on rows while they are written: its triggers, and columns that it makes up itself. */
import type { Direction } from './side.ts';
import { quoteName } from './sql-text.ts';
import type { SyncServer } from './sync-server.ts';
import type { TablePair } from './table-pair.ts';

/** The names of the triggers that a repair fires, as far as the account may see them: with the right TRIGGER alone. */
export async function firedTriggers(
  server: Pick<SyncServer, 'rows'>,
  { database, name }: { readonly database: string; readonly name: string },
): Promise<readonly string[]> {
  const rows = await server.rows(
    `SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ?
       AND EVENT_MANIPULATION IN ('INSERT', 'DELETE') ORDER BY TRIGGER_NAME`,
    [database, name],
  );
  return rows.map(([trigger]) => quoteName(String(trigger)));
}

/** Columns that the target makes up, where the source may have another value in them. */
export function ownColumns({ columns }: TablePair, { source, target }: Direction): readonly string[] {
  return columns
    .filter((column) => column.columns[target].generated && !column.columns[source].generated)
    .map(({ name }) => quoteName(name));
}

/** A part of a sentence, of what may be why rows are not as they were written; empty: nothing is known. */
export function meddlersText(triggers: readonly string[], columns: readonly string[]): string {
  const parts = [
    ...(triggers.length === 0 ? [] : [`the triggers ${triggers.join(', ')}`]),
    ...(columns.length === 0 ? [] : [`the generated columns ${columns.join(', ')}`]),
  ];
  return parts.length === 0 ? '' : `: ${parts.join(' and ')} of the table may have made them others`;
}
