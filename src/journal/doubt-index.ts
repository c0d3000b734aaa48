/**
 * What is in doubt now, in memory: each (table, reason, key) once, in the order of its latest note. Each note
 * has a number, one more than the note before it, by which a reader goes on where it was.
 */
import type { Doubt, DoubtReason } from './journal.ts';

export interface DoubtEntry {
  readonly group: DoubtGroup;
  readonly key: string | null;
  /** Outstanding. */
  count: number;
  /** Of its latest note. */
  number: number;
  /** `gone`: nothing is outstanding, and another entry may stand for its key by now. */
  at: 'index' | 'gone';
}

interface DoubtGroup {
  readonly table: string;
  readonly reason: DoubtReason;
  readonly keys: Map<string | null, DoubtEntry>;
}

/** Of a record on disk beside its texts, rounded up. */
const RECORD_BYTES = 16;
const COUNT_MAX = 2 ** 31;
/** Places of the order beyond twice those in use are cleared away. */
const SLACK = 1024;
/** At the bound so large a part goes at once, the oldest first. */
const LOST_PART = 64;

export class DoubtIndex {
  /** By reason, and in it by table: no name is put together for a note. */
  readonly #groups = new Map<DoubtReason, Map<string, DoubtGroup>>();
  readonly #bytesMax: number;
  /** By number, ascending; a place whose entry has another number by now is void. */
  #order: DoubtEntry[] = [];
  #numbers: number[] = [];
  #first = 0;
  #size = 0;
  #bytes = 0;
  #next = 1;

  /** `bytesMax` is of the records that a snapshot of it has. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#size;
  }

  /** Of a snapshot's records, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number of the next note. */
  get next(): number {
    return this.#next;
  }

  /** Is the key in doubt; null: any key of the table, or the table itself? */
  has(table: string, key: string | null): boolean {
    for (const groups of this.#groups.values()) {
      const keys = groups.get(table)?.keys;
      if (keys !== undefined && (key === null ? keys.size > 0 : keys.has(key))) return true;
    }
    return false;
  }

  /** Numbers from here on, where it is beyond those given. */
  skipTo(number: number): void {
    this.#next = Math.max(this.#next, number);
  }

  get overfull(): boolean {
    return this.#bytes > this.#bytesMax;
  }

  note(table: string, key: string | null, reason: DoubtReason, count: number): DoubtEntry {
    const entry = this.#entry(table, key, reason);
    entry.count = Math.min(COUNT_MAX, entry.count + count);
    this.#place(entry, this.#next);
    return entry;
  }

  /** As a file says it: a count of 0 takes the entry away. Numbers must ascend, or `sort` be called at the end. */
  restore(table: string, key: string | null, reason: DoubtReason, count: number, number: number): void {
    this.skipTo(number + 1);
    if (count === 0) {
      const known = this.#groups.get(reason)?.get(table)?.keys.get(key);
      if (known !== undefined) this.#remove(known);
      return;
    }
    const entry = this.#entry(table, key, reason);
    entry.count = count;
    this.#place(entry, number);
  }

  /** Brings the order right where `restore` was given numbers in another. */
  sort(): void {
    const entries = [...this.entries()].sort((left, right) => left.number - right.number);
    this.#order = entries;
    this.#numbers = entries.map(({ number }) => number);
    this.#first = 0;
  }

  /**
   * Subtracts from what is outstanding; the entry as it is now, of count 0 when nothing is left of it. `gone`: there is
   * none. `changed`: it has another mark by now, and stays as it is.
   */
  settle({ table, key, reason, count, mark }: Doubt): DoubtEntry | 'gone' | 'changed' {
    const entry = this.#groups.get(reason)?.get(table)?.keys.get(key);
    if (entry === undefined) return 'gone';
    if (mark !== undefined && mark !== markOf(entry)) return 'changed';
    entry.count = Math.max(0, entry.count - count);
    if (entry.count === 0) this.#remove(entry);
    return entry;
  }

  /** Forgets some of the oldest; the number of the last one that is gone. */
  loseOldest(): number {
    let left = Math.ceil(this.#size / LOST_PART);
    let through = 0;
    while (left > 0 && this.#first < this.#order.length) {
      const entry = this.#order[this.#first]!;
      if (this.#holds(this.#first)) {
        through = entry.number;
        this.#remove(entry);
        left -= 1;
      }
      this.#first += 1;
    }
    return through;
  }

  /** Forgets the entries up to a number, as `loseOldest` did before. Takes as long as there are entries. */
  loseThrough(through: number): void {
    for (const entry of this.entries()) if (entry.number <= through) this.#remove(entry);
  }

  /** Those whose latest note has a number of `from` or more, at most `limit`, and the number to go on from. */
  read(from: number, limit: number): { readonly entries: Doubt[]; readonly next: number } {
    const entries: Doubt[] = [];
    for (let at = this.#placeOf(from); at < this.#order.length; at++) {
      if (!this.#holds(at)) continue;
      const entry = this.#order[at]!;
      if (entries.length === limit) return { entries, next: entry.number };
      entries.push(doubtOf(entry));
    }
    return { entries, next: this.#next };
  }

  counts(): { table: string; reason: DoubtReason; count: number }[] {
    const counts: { table: string; reason: DoubtReason; count: number }[] = [];
    for (const { table, reason, keys } of this.#everyGroup())
      counts.push({ table, reason, count: keys.size });
    return counts;
  }

  /** In no certain order; what is noted while it goes on may be among them, and may be so twice. */
  *entries(): Iterable<DoubtEntry> {
    for (const { keys } of this.#everyGroup()) yield* keys.values();
  }

  *#everyGroup(): Iterable<DoubtGroup> {
    for (const groups of this.#groups.values()) yield* groups.values();
  }

  #entry(table: string, key: string | null, reason: DoubtReason): DoubtEntry {
    const group = this.#group(table, reason);
    const known = group.keys.get(key);
    if (known !== undefined) return known;
    const made: DoubtEntry = { group, key, count: 0, number: 0, at: 'index' };
    group.keys.set(key, made);
    this.#size += 1;
    this.#bytes += bytesOf(made);
    return made;
  }

  #group(table: string, reason: DoubtReason): DoubtGroup {
    let groups = this.#groups.get(reason);
    if (groups === undefined) {
      groups = new Map();
      this.#groups.set(reason, groups);
    }
    const known = groups.get(table);
    if (known !== undefined) return known;
    const made: DoubtGroup = { table, reason, keys: new Map() };
    groups.set(table, made);
    this.#bytes += groupBytes(made);
    return made;
  }

  #place(entry: DoubtEntry, number: number): void {
    entry.number = number;
    this.#next = Math.max(this.#next, number + 1);
    this.#order.push(entry);
    this.#numbers.push(number);
    if (this.#order.length > 2 * this.#size + SLACK) this.#clearVoid();
  }

  #remove(entry: DoubtEntry): void {
    if (entry.at === 'gone') return;
    const { group } = entry;
    entry.at = 'gone';
    group.keys.delete(entry.key);
    this.#size -= 1;
    this.#bytes -= bytesOf(entry);
    if (group.keys.size > 0) return;
    this.#groups.get(group.reason)?.delete(group.table);
    this.#bytes -= groupBytes(group);
  }

  #holds(at: number): boolean {
    const entry = this.#order[at]!;
    return entry.at === 'index' && entry.number === this.#numbers[at];
  }

  #clearVoid(): void {
    const held = this.#order.filter((_, at) => at >= this.#first && this.#holds(at));
    this.#order = held;
    this.#numbers = held.map(({ number }) => number);
    this.#first = 0;
  }

  /** The first place of `number` or more. */
  #placeOf(number: number): number {
    let low = this.#first;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#numbers[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function doubtOf(entry: DoubtEntry): Doubt {
  const { group, key, count } = entry;
  return { table: group.table, key, reason: group.reason, count, mark: markOf(entry) };
}

/**
 * No two notes of a journal have one number, whatever a crash took back; and of entries with the number of one note the
 * count only ever falls.
 */
function markOf({ number, count }: DoubtEntry): string {
  return `${number.toString(36)}.${count.toString(36)}`;
}

function bytesOf({ key }: DoubtEntry): number {
  return RECORD_BYTES + (key === null ? 0 : key.length);
}

/** Many tables of one key each take memory too. */
function groupBytes({ table, reason }: DoubtGroup): number {
  return 4 * RECORD_BYTES + table.length + reason.length;
}
