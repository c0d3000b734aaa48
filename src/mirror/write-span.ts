/** One write or delete of moved tables, from before it is sent to the primary until what became of it is settled. */
import type { WriteMark } from '../journal/journal.ts';
import type { TableKey } from './table-key.ts';
import type { Target } from './target.ts';

/** Whoever sends writes one after the other: a session. Compared by identity. */
export type Writer = object;

/** Writes of one table that are not answered. */
export interface TableSpell {
  writer: Writer;
  unanswered: number;
  /** Those among them that may touch any row. */
  keyless: number;
  /** How many there ever were, of all and of such: tells a write what came while it was under way. */
  entered: number;
  keylessEntered: number;
}

const NO_KEYS: readonly TableKey[] = [];
const NO_TABLES: readonly string[] = [];

/** One write, from before it is sent until what became of it is settled. */
export class WriteSpan {
  readonly target: Target;
  readonly writer: Writer;
  readonly mark: WriteMark;
  readonly tables: readonly TableSpan[];
  /** Keys that another session wrote at the same time; known once it is answered. */
  overlapped: readonly TableKey[] = NO_KEYS;
  /** Tables of which another session may have written the same rows at the same time. */
  overlappedTables: readonly string[] = NO_TABLES;
  state: 'sent' | 'answered' | 'settled' = 'sent';

  constructor(target: Target, writer: Writer, mark: WriteMark, tables: readonly TableSpan[]) {
    this.target = target;
    this.writer = writer;
    this.mark = mark;
    this.tables = tables;
  }
}

/** A write's stay on one table. */
export interface TableSpan {
  readonly table: string;
  readonly spell: TableSpell;
  readonly keyless: boolean;
  /** Something that may touch the same rows was under way when it came. */
  readonly met: boolean;
  readonly enteredBefore: number;
}
