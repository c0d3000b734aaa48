/** What a session has prepared by SQL, by name: the texts, and how they were read; bounded. */
import type { SqlMode } from '../sql/sql-mode.ts';
import type { ServerKind } from './sql-modes.ts';

export interface NamedStatement {
  readonly sql: Buffer;
  /** As it was when it was prepared: an execution goes by these, whatever was set since. */
  readonly mode: SqlMode;
  readonly database: string | null;
  /** By what the session's way of reading literals then is told from another. */
  readonly words: string;
}

/** Statements beyond these, and texts beyond these bytes together, are not told apart: each may be anything. */
const STATEMENTS_MAX = 100;
const BYTES_MAX = 64 * 1024;

/**
 * MySQL makes UTF-8 of a literal that PREPARE names, and then reads it as the client's characters all the same.
 * `charset`: of the client, as SQL; null: not known.
 */
export function staysAsWritten(sql: Buffer, charset: string | null, primary: ServerKind | null): boolean {
  return primary === 'mariadb' || /^['"]?utf8/i.test(charset ?? '') || sql.every((byte) => byte < 0x80);
}

export class NamedStatements {
  /** Null in the many sessions that prepare nothing so. */
  #byName: Map<string, NamedStatement> | null = null;
  #bytes = 0;

  copyTo(copy: NamedStatements): void {
    copy.#byName = this.#byName && new Map(this.#byName);
    copy.#bytes = this.#bytes;
  }

  /** Null: there is none, or its text is not known. */
  find(name: string): NamedStatement | null {
    return this.#byName?.get(name) ?? null;
  }

  /** A PREPARE of the name, whether it succeeded or not, drops the one before; `statement` null: none is known. */
  put(name: string, statement: NamedStatement | null): void {
    const before = this.#byName?.get(name);
    if (before !== undefined) {
      this.#byName?.delete(name);
      this.#bytes -= before.sql.length;
    }
    if (statement === null) return;
    this.#byName ??= new Map();
    if (this.#byName.size >= STATEMENTS_MAX || this.#bytes + statement.sql.length > BYTES_MAX) return;
    this.#byName.set(name, statement);
    this.#bytes += statement.sql.length;
  }

  clear(): void {
    this.#byName = null;
    this.#bytes = 0;
  }
}
