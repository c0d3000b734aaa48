/** One write or delete of moved tables, from before it is sent to the primary until what became of it is settled. */
import type { Used } from '../base/use-table.ts';
import type { WriteMark } from '../journal/journal.ts';
import type { TableKey } from './table-key.ts';
import type { Target } from './target.ts';

/** Whoever sends writes one after the other: a session. Compared by identity. */
export type Writer = object;

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

/** Writes of one table that are not answered. */
export interface TableSpell extends Used {
  writer: Writer | null;
  unanswered: number;
  /** Those among them that may touch any row. */
  keyless: number;
  /** How many there ever were, of all and of such: tells a write what came while it was under way. */
  entered: number;
  keylessEntered: number;
  /** What was answered while there were writes whose keys the server gives out; null: there are none. */
  answered: AnsweredKeys | null;
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

/** Keys of writes that were answered beside ones whose keys only their answers tell: the latest few thousand. */
export class AnsweredKeys {
  /** Writes under way that ask for it. */
  asking = 0;
  /** A key's tag to how many writes the table had seen by then, the oldest first. */
  readonly #latest = new Map<string, number>();
  #forgotten = 0;

  add(tag: string, entered: number): void {
    this.#latest.delete(tag);
    this.#latest.set(tag, entered);
    if (this.#latest.size <= ANSWERED_KEYS_MAX) return;
    const [oldest] = this.#latest;
    if (oldest === undefined) return;
    this.#latest.delete(oldest[0]);
    this.#forgotten = oldest[1];
  }

  /** May a write of the key have been answered since the table had seen so many writes? */
  has(tag: string, since: number): boolean {
    return this.#forgotten >= since || (this.#latest.get(tag) ?? -1) >= since;
  }
}

const ANSWERED_KEYS_MAX = 4096;

/** A write's stay on one table. */
export interface TableSpan {
  readonly table: string;
  readonly spell: TableSpell;
  readonly keyless: boolean;
  /** Something that may touch the same rows was under way when it came. */
  readonly met: boolean;
  readonly enteredBefore: number;
  /** Set where the server gives the keys out: how many writes the table had seen with this one. */
  readonly numberedSince: number | null;
}
