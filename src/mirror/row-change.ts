/** What changes rows of a table, and whether foreign keys pass it on. */
import type { ForeignKey, WriteEvent } from './old-schema.ts';

/** The event, and of an UPDATE the columns; null: any. */
export interface Change {
  readonly event: WriteEvent;
  readonly columns: ReadonlySet<string> | null;
}

export const EVENTS: readonly WriteEvent[] = ['insert', 'update', 'delete'];
export const ANY_CHANGE: readonly Change[] = EVENTS.map((event) => ({ event, columns: null }));

/** Does a change of a parent's row change its children's? */
export function cascades(
  key: Pick<ForeignKey, 'columns' | 'onDelete' | 'onUpdate'>,
  { event, columns }: Change,
): boolean {
  if (event === 'delete') return key.onDelete;
  if (event === 'insert' || !key.onUpdate) return false;
  return columns === null || key.columns.some((column) => columns.has(column.toLowerCase()));
}
