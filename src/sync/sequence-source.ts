/** One server as it is asked for the numbers that it gives out: bounded as a whole, and read without rounding. */
import { messageOf } from '../base/errors.ts';
import type { SequenceTable } from '../config/sequences-schema.ts';
import type { Reading } from './sequence.ts';
import { readingRemedy } from './sequence-remedy.ts';
import type { ServerKind } from './side.ts';
import type { Row, Value } from './value.ts';

/** As much of a server as is asked here. */
export interface NumberSource {
  readonly kind: ServerKind;
  rows(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

export interface SequenceScope {
  /** The database on this server; null: every one but the server's own. */
  readonly database: string | null;
  /** Whether the AUTO_INCREMENT of a table is compared. */
  readonly moves: (table: string) => boolean;
  /** The tables that the configuration names; empty where it takes every one. */
  readonly listed: ReadonlySet<string>;
  /** Whether a SEQUENCE is. */
  readonly movesObject: (name: string) => boolean;
  readonly sequenceTables: ReadonlyMap<string, SequenceTable>;
}

/** The same of these tables alone. */
export function narrowed(scope: SequenceScope, tables: ReadonlySet<string>): SequenceScope {
  return {
    ...scope,
    moves: (table) => tables.has(table) && scope.moves(table),
    listed: new Set([...scope.listed].filter((table) => tables.has(table))),
    movesObject: (name) => tables.has(name) && scope.movesObject(name),
    sequenceTables: new Map([...scope.sequenceTables].filter(([table]) => tables.has(table))),
  };
}

/** Of each kind; beyond as many nothing is read, as memory and time are bounded. */
export const SEQUENCES_MAX = 10_000;
/** For one server, on top of the bound of each query. */
const READING_MAX_MS = 120_000;
const OWN_DATABASES = "('mysql', 'information_schema', 'performance_schema', 'sys')";

class OutOfTime extends Error {
  constructor() {
    super(`its numbers could not be read within ${READING_MAX_MS / 1000} s`);
  }
}

export class AskedForNumbers {
  readonly kind: ServerKind;
  readonly scope: SequenceScope;
  readonly #server: NumberSource;
  readonly #until = performance.now() + READING_MAX_MS;

  constructor(server: NumberSource, scope: SequenceScope) {
    this.kind = server.kind;
    this.scope = scope;
    this.#server = server;
  }

  async rows(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    if (performance.now() > this.#until) throw new OutOfTime();
    return this.#server.rows(sql, values);
  }

  /** What goes wrong with one sequence is told of it alone: it may be gone since it was listed, say. */
  async attempt(read: () => Promise<Reading>): Promise<Reading> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof OutOfTime) throw error;
      return { type: 'unreadable', reason: `${messageOf(error)}${readingRemedy(error)}` };
    }
  }

  /** Which of information_schema's rows are in the scope: a condition, and its values. */
  inScope(): [condition: string, values: readonly unknown[]] {
    const { database } = this.scope;
    return database === null
      ? [`TABLE_SCHEMA NOT IN ${OWN_DATABASES}`, []]
      : ['TABLE_SCHEMA = ?', [database]];
  }

  /** A database in the name of a sequence, which is the same on all servers. */
  named(database: string): string | null {
    return this.scope.database === null ? database : null;
  }
}

export function textOf(field: Value | undefined): string {
  return field?.toString() ?? '';
}

/** Null for NULL. Throws where it is no whole number. */
export function wholeOf(field: Value | undefined): bigint | null {
  if (field === null || field === undefined) return null;
  const text = field.toString();
  if (!/^-?\d+(?:\.0+)?$/.test(text))
    throw new Error(`${JSON.stringify(text.slice(0, 40))} is no whole number`);
  return BigInt(text.split('.')[0] ?? '');
}

export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
