/** What of a shard's databases gives out numbers that must not come twice, as the configuration says. Pure. */
import type { Config } from '../config/load.ts';
import type { ShardConfig } from '../config/schema.ts';
import type { Place } from './sequence.ts';
import type { SequenceScope } from './sequence-source.ts';

export interface SequenceSettings {
  readonly tables: Config['tables'];
  readonly sequences: Config['sequences'];
}

/** `only`: undefined for every table. */
export function sequenceScope(
  { tables, sequences }: SequenceSettings,
  shard: ShardConfig,
  only: string | undefined,
): (place: Place) => SequenceScope {
  const wanted = (table: string): boolean => only === undefined || table === only;
  const sequenceTables = new Map(Object.entries(sequences.tables).filter(([table]) => wanted(table)));
  const moves = (table: string): boolean => wanted(table) && (tables === '*' || Object.hasOwn(tables, table));
  const listed = new Set(tables === '*' ? [] : Object.keys(tables).filter(wanted));
  return (place) => ({
    database: place.startsWith('old') ? (shard.old.database ?? null) : newDatabase(shard),
    moves,
    listed,
    // A SEQUENCE is in no list of tables.
    movesObject: wanted,
    sequenceTables,
  });
}

/** Null: every database, by its old name. */
function newDatabase({ old, new: fresh }: ShardConfig): string | null {
  return old.database === undefined ? null : (fresh.database ?? old.database);
}

export function placesOf({ old, new: fresh }: ShardConfig): Place[] {
  return [
    'old',
    ...(old.replica === undefined ? [] : (['old_replica'] as const)),
    'new',
    ...(fresh.replica === undefined ? [] : (['new_replica'] as const)),
  ];
}
