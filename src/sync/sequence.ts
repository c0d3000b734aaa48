/** What gives out numbers in a shard's databases, and what one server says of it. Pure. */

/** The servers of a shard, each before those that follow it. */
export const PLACES = ['old', 'old_replica', 'new', 'new_replica'] as const;
export type Place = (typeof PLACES)[number];

export const PLACE_NAMES: Readonly<Record<Place, string>> = {
  old: 'old',
  old_replica: 'old replica',
  new: 'new',
  new_replica: 'new replica',
};

/** A column with AUTO_INCREMENT, a row of a sequence table, or a SEQUENCE of MariaDB. */
export type SequenceKind = 'auto_increment' | 'row' | 'object';

export interface SequenceName {
  readonly kind: SequenceKind;
  /** By its old name; null: the shard's one. */
  readonly database: string | null;
  readonly table: string;
  /** The column, or the row's name; empty where the table has one row, or is a SEQUENCE. */
  readonly part: string;
}

export type Reading =
  | {
      readonly type: 'numbers';
      /** The lowest number that it may give out next. */
      readonly next: bigint;
      /** The highest number that it may have given out. */
      readonly given: bigint;
      /** The highest number that stands in a row now; null: there is no row, or it can't be told. */
      readonly held: bigint | null;
      /** The highest number that it can ever give out. */
      readonly limit: bigint;
      /** How many numbers before `given` may still be to come, as a SEQUENCE's server has put them aside. */
      readonly cached: bigint;
    }
  /** Its numbers don't rise one by one; `why` is a part of a sentence. */
  | { readonly type: 'incomparable'; readonly why: string }
  | { readonly type: 'unreadable'; readonly reason: string };

export type Numbers = Extract<Reading, { type: 'numbers' }>;

export interface NamedReading {
  readonly sequence: SequenceName;
  readonly reading: Reading;
}

export interface ServerReadings {
  readonly type: 'read';
  /** By `sequenceId`. */
  readonly sequences: ReadonlyMap<string, NamedReading>;
  /** What could not be read though the configuration asks for it, in sentences. */
  readonly faults: readonly string[];
}

/** `error`: what was thrown, for who can say more of it; undefined where there is nothing but the reason. */
export type ServerAnswer =
  | ServerReadings
  | { readonly type: 'unreachable'; readonly reason: string; readonly error?: unknown };

/** The same on every server of a shard. */
export function sequenceId({ kind, database, table, part }: SequenceName): string {
  return JSON.stringify([kind, database, table, part]);
}

/** As people read it: `messages.id`, `sequences 'users'`, `invoice_numbers`. */
export function sequenceTitle({ kind, database, table, part }: SequenceName): string {
  const place = database === null ? table : `${database}.${table}`;
  if (part === '') return place;
  return kind === 'row' ? `${place} '${part}'` : `${place}.${part}`;
}
