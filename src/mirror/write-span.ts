/** One write or delete of moved tables, from before it is sent to the primary until what became of it is settled. */
import type { Used } from '../base/use-table.ts';
import type { WriteMark } from '../journal/journal.ts';
import type { TableKey } from './table-key.ts';
import type { TableSpan } from './tables-under-way.ts';
import type { Target } from './target.ts';
import type { Writer } from './writer.ts';

/** Writes of one key, and commits of such, that are not answered. */
export interface KeySpell extends Used {
  /** Of the writes whose spans from sent to answered hang together; null: there are none. */
  writer: Writer | null;
  unanswered: number;
  overlapped: boolean;
  /** Of transactions whose commit was sent. */
  committer: Writer | null;
  commits: number;
}

const NO_KEYS: readonly TableKey[] = [];
const NO_TABLES: readonly string[] = [];

/** One write, from before it is sent until what became of it is settled. */
export class WriteSpan {
  /** Replaced where the primary's answer tells the keys. */
  target: Target;
  /** Of the target's keys, in their order. */
  spells: KeySpell[];
  readonly writer: Writer;
  readonly mark: WriteMark;
  readonly tables: readonly TableSpan[];
  /** The moment, as `DefinitionsUnderWay` counts them, at which it was sent. */
  readonly sentAt: number;
  /** Keys that another session wrote at the same time; known once it is answered. */
  overlapped: readonly TableKey[] = NO_KEYS;
  /** Tables of which another session may have written the same rows at the same time. */
  overlappedTables: readonly string[] = NO_TABLES;
  state: 'sent' | 'answered' | 'settled' = 'sent';

  constructor(
    target: Target,
    spells: KeySpell[],
    writer: Writer,
    mark: WriteMark,
    tables: readonly TableSpan[],
    sentAt: number,
  ) {
    this.target = target;
    this.spells = spells;
    this.writer = writer;
    this.mark = mark;
    this.tables = tables;
    this.sentAt = sentAt;
  }
}
