/**
 * The writes and deletes of one shard that are under way: each has its keys in the journal before it is sent, and
 * two of different sessions that touch one key at the same time are told, as nobody can know which of them the
 * primary took first.
 */
import { KeyTable } from '../base/key-table.ts';
import type { Journal, WriteMark } from '../journal/journal.ts';
import { type DefinitionSpan, DefinitionsUnderWay } from './definitions-under-way.ts';
import { ANY_TABLE } from './schema-relations.ts';
import type { TableKey } from './table-key.ts';
import type { Target } from './target.ts';
import { AnsweredKeys, type TableSpan, type TableSpell, type Writer, WriteSpan } from './write-span.ts';

/** Stands for the writers of a key where they are several. */
const SEVERAL: Writer = {};

/** Writes of one key whose spans from sent to answered hang together. */
interface KeySpell {
  writer: Writer;
  unanswered: number;
  overlapped: boolean;
}

interface Commits {
  writer: Writer;
  unanswered: number;
}

export class WritesUnderWay {
  readonly definitions = new DefinitionsUnderWay();
  readonly #journal: Journal;
  readonly #keys = new KeyTable<KeySpell>();
  readonly #tables = new KeyTable<TableSpell>();
  /** Keys of transactions whose commit was sent and not answered. */
  readonly #committing = new KeyTable<Commits>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Keys and tables of writes and commits that are not answered. */
  get size(): number {
    return this.#keys.size + this.#tables.size + this.#committing.size;
  }

  /** A write is about to be sent: its keys go into the journal's buffer, to be flushed before it goes. */
  sent(target: Target, writer: Writer): WriteSpan {
    const unknown = !target.keysComplete || target.keys.length === 0;
    // Rows that the server numbers are new: they are none that others with unknown numbers write.
    const numbering = target.numbered !== null;
    const keyless = unknown && !numbering;
    for (const { table, key } of target.keys) this.#journal.written(table, key);
    if (unknown) for (const table of target.tables) this.#journal.written(table, null);
    for (const table of target.reached) this.#journal.written(table, null);
    for (const { tag } of target.keys) this.#enterKey(tag, writer);
    const tables = target.tables.map((table) => this.#enterTable(table, keyless, numbering, writer));
    return new WriteSpan(target, writer, this.#journal.mark(), tables, this.definitions.moment);
  }

  /** A change of the definitions of these tables is about to be sent; see `sent`. */
  definitionSent(
    tables: readonly string[],
    about: Pick<DefinitionSpan, 'additive' | 'program' | 'writer'>,
  ): DefinitionSpan {
    for (const table of tables) this.#journal.written(table, null);
    return this.definitions.sent({ ...about, tables, mark: this.#journal.mark() });
  }

  /** Something that can't be read is about to be sent, behind what can; see `sent`. */
  unreadSent(): WriteMark {
    this.#journal.written(ANY_TABLE, null);
    return this.#journal.mark();
  }

  /** The primary's answer tells the keys of rows that it has numbered; null: it does not. To be called before `answered`. */
  numbered(span: WriteSpan, target: Target | null): void {
    if (span.state !== 'sent') return;
    if (target === null) {
      span.overlappedTables = span.target.tables;
      return;
    }
    span.target = target;
    for (const { tag } of target.keys) this.#enterKey(tag, span.writer);
    const met = target.keys.filter(({ tag }) =>
      span.tables.some(
        ({ spell, numberedSince }) => numberedSince !== null && spell.answered?.has(tag, numberedSince),
      ),
    );
    if (met.length > 0) span.overlapped = [...span.overlapped, ...met];
  }

  /** What was told as sent is about to be sent: its keys go to the disk before it. */
  ready(): void {
    this.#journal.flush();
  }

  /** The primary has answered it, or never will: from here on it overlaps with nothing that is sent. */
  answered(span: WriteSpan): void {
    if (span.state !== 'sent') return;
    span.state = 'answered';
    let met: TableKey[] | null = null;
    for (const key of span.target.keys) {
      for (const { spell } of span.tables) spell.answered?.add(key.tag, spell.entered);
      if (!this.#leaveKey(key.tag)) continue;
      met ??= [...span.overlapped];
      met.push(key);
    }
    if (met !== null) span.overlapped = met;
    for (const stay of span.tables) {
      if (this.#leaveTable(stay)) span.overlappedTables = [...span.overlappedTables, stay.table];
    }
  }

  /** A transaction's commit is about to be sent: until it is answered, nobody knows what came before it. */
  commitSent(spans: Iterable<WriteSpan>, writer: Writer): void {
    for (const { target } of spans) {
      for (const { tag } of target.keys) {
        const commits = this.#committing.get(tag);
        if (commits === undefined) this.#committing.set(tag, { writer, unanswered: 1 });
        else {
          commits.unanswered++;
          if (commits.writer !== writer) commits.writer = SEVERAL;
        }
      }
    }
  }

  commitAnswered(spans: Iterable<WriteSpan>): void {
    for (const { target } of spans) {
      for (const { tag } of target.keys) {
        const commits = this.#committing.get(tag);
        if (commits !== undefined && --commits.unanswered === 0) this.#committing.delete(tag);
      }
    }
  }

  /** What the primary kept of these writes goes to the mirror now: the keys whose order among others is not known. */
  unordered(span: WriteSpan): readonly TableKey[] {
    if (this.#committing.size === 0) return span.overlapped;
    const others = span.target.keys.filter(({ tag }) => {
      const commits = this.#committing.get(tag);
      return commits !== undefined && commits.writer !== span.writer;
    });
    return others.length === 0 ? span.overlapped : [...span.overlapped, ...others];
  }

  /** What became of it is known, and noted where it is a doubt: the journal may let go of its keys. */
  settled(span: WriteSpan): void {
    this.answered(span);
    if (span.state === 'settled') return;
    span.state = 'settled';
    span.mark.release();
  }

  #enterKey(tag: string, writer: Writer): void {
    const spell = this.#keys.get(tag);
    if (spell === undefined) {
      this.#keys.set(tag, { writer, unanswered: 1, overlapped: false });
      return;
    }
    spell.unanswered++;
    if (spell.writer === writer) return;
    spell.writer = SEVERAL;
    spell.overlapped = true;
  }

  /** True: another session wrote the key meanwhile. */
  #leaveKey(tag: string): boolean {
    const spell = this.#keys.get(tag);
    if (spell === undefined) return false;
    spell.unanswered--;
    if (spell.unanswered === 0) this.#keys.delete(tag);
    return spell.overlapped;
  }

  #enterTable(table: string, keyless: boolean, numbering: boolean, writer: Writer): TableSpan {
    let spell = this.#tables.get(table);
    if (spell === undefined) {
      spell = { writer, unanswered: 0, keyless: 0, entered: 0, keylessEntered: 0, answered: null };
      this.#tables.set(table, spell);
    }
    const met = (keyless ? spell.unanswered : spell.keyless) > 0 && spell.writer !== writer;
    if (spell.writer !== writer) spell.writer = SEVERAL;
    spell.unanswered++;
    spell.entered++;
    if (keyless) {
      spell.keyless++;
      spell.keylessEntered++;
    }
    if (numbering) {
      spell.answered ??= new AnsweredKeys();
      spell.answered.asking++;
    }
    return {
      table,
      spell,
      keyless,
      met,
      enteredBefore: keyless ? spell.entered : spell.keylessEntered,
      numberedSince: numbering ? spell.entered : null,
    };
  }

  /** True: a write of another session that may touch the same rows was under way meanwhile. */
  #leaveTable({ table, spell, keyless, met, enteredBefore, numberedSince }: TableSpan): boolean {
    spell.unanswered--;
    if (numberedSince !== null && spell.answered !== null && --spell.answered.asking === 0)
      spell.answered = null;
    if (keyless) spell.keyless--;
    if (spell.unanswered === 0) this.#tables.delete(table);
    const entered = keyless ? spell.entered : spell.keylessEntered;
    return met || (entered !== enteredBefore && spell.writer === SEVERAL);
  }
}
