/**
 * The writes and deletes of one shard that are under way: each has its keys in the journal before it is sent, or
 * before what may make it last is, and two of different sessions that touch one key at the same time are told, as
 * nobody can know which of them the primary took first.
 */
import { UseTable } from '../base/use-table.ts';
import type { Journal, WriteMark } from '../journal/journal.ts';
import { type Commit, CommittingWrites, type Unordered } from './committing-writes.ts';
import { type DefinitionSpan, DefinitionsUnderWay } from './definitions-under-way.ts';
import { ANY_TABLE } from './schema-relations.ts';
import type { TableKey } from './table-key.ts';
import { TablesUnderWay } from './tables-under-way.ts';
import type { Target } from './target.ts';
import { reachOf } from './write-reach.ts';
import { type KeySpell, WriteSpan } from './write-span.ts';
import { SEVERAL, type Writer } from './writer.ts';

/** Keys that may wait are on record after so long in any case. */
const WAITING_KEYS_MS = 20;

const newKeySpell = (): KeySpell => ({
  uses: 0,
  at: 'table',
  writer: null,
  unanswered: 0,
  overlapped: false,
  committer: null,
  commits: 0,
});

export class WritesUnderWay {
  readonly definitions = new DefinitionsUnderWay();
  readonly #journal: Journal;
  readonly #keys = new UseTable(newKeySpell);
  readonly #tables = new TablesUnderWay();
  readonly #commits = new CommittingWrites();
  /** Something was told as sent since `ready` was asked. */
  #owes = false;
  #records = 0;
  /** Runs while keys wait that nothing else may put on record soon. */
  #timer: NodeJS.Timeout | null = null;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Keys and tables of writes and commits that are not answered. */
  get size(): number {
    return this.#keys.size + this.#tables.size + this.#commits.size;
  }

  /**
   * A write is about to be sent: its keys go into the journal's buffer, to be flushed before it goes. `mayWait`: they
   * may be flushed later, and `owe` is called before anything is sent that may make the write last.
   */
  sent(target: Target, writer: Writer, mayWait = false): WriteSpan {
    const unknown = !target.keysComplete || target.keys.length === 0;
    // Rows that the server numbers are new: they are none that others with unknown numbers write.
    const numbering = target.numbered !== null;
    if (mayWait) this.#recordSoon();
    else this.#owes = true;
    for (const { table, key } of target.keys) this.#journal.written(table, key);
    if (unknown) for (const table of target.tables) this.#journal.written(table, null);
    for (const table of target.reached) this.#journal.written(table, null);
    const spells = this.#enterKeys(target.keys, writer);
    const reach = reachOf(target);
    const tables = target.tables.map((table) => this.#tables.enter(table, reach, numbering, writer));
    return new WriteSpan(target, spells, writer, this.#journal.mark(), tables, this.definitions.moment);
  }

  /** A change of the definitions of these tables is about to be sent; see `sent`. */
  definitionSent(
    tables: readonly string[],
    about: Pick<DefinitionSpan, 'additive' | 'program' | 'writer'>,
  ): DefinitionSpan {
    this.#owes = true;
    for (const table of tables) this.#journal.written(table, null);
    return this.definitions.sent({ ...about, tables, mark: this.#journal.mark() });
  }

  /** Something that can't be read is about to be sent, behind what can; see `sent`. */
  unreadSent(): WriteMark {
    this.#owes = true;
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
    span.spells = this.#enterKeys(target.keys, span.writer);
    const met = target.keys.filter(({ tag }) =>
      span.tables.some(
        ({ spell, numberedSince }) => numberedSince !== null && spell.answered?.has(tag, numberedSince),
      ),
    );
    if (met.length > 0) span.overlapped = [...span.overlapped, ...met];
  }

  /** What was told as sent is about to be sent. True: not before `record`, as its keys stand in the buffer alone. */
  ready(): boolean {
    const owes = this.#owes;
    this.#owes = false;
    return owes;
  }

  /** Keys that have waited must be on record before what was told as sent. */
  owe(): void {
    this.#owes = true;
  }

  /** How often `record` was called. */
  get records(): number {
    return this.#records;
  }

  /** The keys of all that was told as sent are on disk when it returns. */
  record(): void {
    this.#records++;
    this.#journal.flush();
  }

  /** The primary has answered it, or never will: from here on it overlaps with nothing that is sent. */
  answered(span: WriteSpan): void {
    if (span.state !== 'sent') return;
    span.state = 'answered';
    const { keys } = span.target;
    let met: TableKey[] | null = null;
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]!;
      for (const stay of span.tables) this.#tables.answeredKey(stay, key.tag);
      if (!this.#leaveKey(span.spells[at]!)) continue;
      met ??= [...span.overlapped];
      met.push(key);
    }
    if (met !== null) span.overlapped = met;
    for (const stay of span.tables) {
      const doubted = this.#tables.leave(stay);
      if (doubted === 'table') span.overlappedTables = [...span.overlappedTables, stay.table];
      else if (doubted === 'keys') span.overlapped = keys;
    }
  }

  /** A commit is about to be sent: until it is answered, nobody knows what came before it. */
  commitSent(commit: Commit): void {
    this.#commits.sent(commit);
    for (const span of commit.spans) this.#enterCommit(span, commit.writer);
  }

  /** A write was answered whose commit was sent ahead of that. */
  commitJoined(commit: Commit, span: WriteSpan): void {
    this.#commits.joined(commit, span);
    this.#enterCommit(span, commit.writer);
  }

  commitAnswered(commit: Commit): void {
    this.#commits.answered(commit);
    for (const { spells } of commit.spans) {
      for (const spell of spells) {
        if (spell.commits === 0) continue;
        spell.commits--;
        if (spell.commits === 0) spell.committer = null;
        this.#keys.leave(spell);
      }
    }
  }

  /** What the primary kept of this write goes to the mirror now: that of which the order among others is not known. */
  unordered(span: WriteSpan): Unordered {
    const { keys } = span.target;
    let met: TableKey[] | null = null;
    for (let at = 0; at < keys.length; at++) {
      const spell = this.#present(span, at) ?? this.#keys.find(keys[at]!.tag);
      if (spell === null || spell.commits === 0 || spell.committer === span.writer) continue;
      met ??= [...span.overlapped];
      met.push(keys[at]!);
    }
    const committing = this.#commits.met(span);
    return {
      keys:
        committing.keys.length === 0
          ? (met ?? span.overlapped)
          : [...(met ?? span.overlapped), ...committing.keys],
      tables:
        committing.tables.length === 0
          ? span.overlappedTables
          : [...span.overlappedTables, ...committing.tables],
    };
  }

  /** What became of it is known, and noted where it is a doubt: the journal may let go of its keys. */
  settled(span: WriteSpan): void {
    this.lingering(span)?.release();
  }

  /** The same, but that the caller is to release its mark, and the journal keeps its keys until then; null: it was settled. */
  lingering(span: WriteSpan): WriteMark | null {
    this.answered(span);
    if (span.state === 'settled') return null;
    span.state = 'settled';
    return span.mark;
  }

  #recordSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.record();
    }, WAITING_KEYS_MS).unref();
  }

  #enterCommit(span: WriteSpan, writer: Writer): void {
    for (let at = 0; at < span.spells.length; at++) {
      const spell = this.#present(span, at) ?? this.#keys.use(span.target.keys[at]!.tag);
      if (span.spells[at] === spell) this.#keys.again(spell);
      else span.spells[at] = spell;
      spell.commits++;
      spell.committer = spell.commits === 1 || spell.committer === writer ? writer : SEVERAL;
    }
  }

  #enterKeys(keys: readonly TableKey[], writer: Writer): KeySpell[] {
    const spells: KeySpell[] = [];
    for (const { tag } of keys) {
      const spell = this.#keys.use(tag);
      spell.unanswered++;
      if (spell.unanswered === 1) {
        spell.writer = writer;
        spell.overlapped = false;
      } else if (spell.writer !== writer) {
        spell.writer = SEVERAL;
        spell.overlapped = true;
      }
      spells.push(spell);
    }
    return spells;
  }

  /** True: another session wrote the key meanwhile. */
  #leaveKey(spell: KeySpell): boolean {
    spell.unanswered--;
    if (spell.unanswered === 0) spell.writer = null;
    this.#keys.leave(spell);
    return spell.overlapped;
  }

  /** What is told of a key of the span now; null: not by what it holds. */
  #present(span: WriteSpan, at: number): KeySpell | null {
    const spell = span.spells[at]!;
    return spell.at === 'table' ? spell : null;
  }
}
