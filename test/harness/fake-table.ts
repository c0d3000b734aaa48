/** A side of a table in memory, for tests of what compares tables: with a collation of its own, and counted. */
import type { GroupAnswer, GroupReader, KeyAnswer, RangeReader } from '../../src/sync/group-reader.ts';
import type { GroupSum } from '../../src/sync/group-sum.ts';
import { canonicalIdentity, canonicalKey, compareValues, type KeyOrder } from '../../src/sync/key-order.ts';
import type { KeyRange } from '../../src/sync/key-range.ts';
import type { RowSum } from '../../src/sync/row-difference.ts';
import type { IdentityRange, RangeSum, RowReader } from '../../src/sync/row-reader.ts';
import { QueryTimedOut } from '../../src/sync/sync-connection.ts';
import type { Row, Value } from '../../src/sync/value.ts';

export interface FakeRow {
  readonly key: Value;
  readonly identity: Row;
  readonly content: string;
}

/** How a side orders values, and which it takes for one (those that `compare` calls equal). */
export interface Collation {
  readonly order: KeyOrder;
  compare(a: Value, b: Value): number;
}

export const NUMERIC: Collation = { order: 'numeric', compare: (a, b) => compareValues('numeric', a, b) };
export const BINARY: Collation = { order: 'own', compare: (a, b) => compareValues('bytes', a, b) };
/** Takes capitals for small letters. */
export const CASELESS: Collation = {
  order: 'own',
  compare: (a, b) => compareValues('bytes', small(a), small(b)),
};
/** Of a language that reads from the end. */
export const BACKWARDS: Collation = {
  order: 'own',
  compare: (a, b) => compareValues('bytes', turned(a), turned(b)),
};

export interface FakeSideOptions {
  readonly name: string;
  readonly rows: readonly FakeRow[];
  /** Of the group column. */
  readonly collation: Collation;
  /** Of each identity column. */
  readonly identityCollations?: readonly Collation[];
  /** Each key has one row at most. */
  readonly unique?: boolean;
  /** What each answer takes; a hundredth of a second unless told otherwise. */
  readonly seconds?: number;
  /** An answer of more groups or keys takes longer than a query may. */
  readonly most?: number;
  /** Called before each question, and between the rows of a stream. */
  readonly meanwhile?: () => void;
}

export class FakeSide implements GroupReader, RowReader {
  readonly name: string;
  readonly ranges: RangeReader | null;
  readonly bundle = null;
  /** A test may change them at any time. */
  stored: FakeRow[];
  openStreams = 0;
  /** Rows that streams have given. */
  streamed = 0;
  /** The largest answer, in groups, keys or rows. */
  largestAnswer = 0;
  /** Groups, keys and rows of all answers. */
  answered = 0;
  /** Rows of the largest checksum over rows. */
  largestSum = 0;
  readonly #collation: Collation;
  readonly #identityCollations: readonly Collation[];
  readonly #meanwhile: () => void;
  readonly #seconds: number;
  readonly #most: number;

  constructor(options: FakeSideOptions) {
    this.name = options.name;
    this.stored = [...options.rows];
    this.#collation = options.collation;
    this.#identityCollations = options.identityCollations ?? [NUMERIC];
    this.#meanwhile = options.meanwhile ?? (() => {});
    this.#most = options.most ?? Infinity;
    this.#seconds = options.seconds ?? 0.01;
    this.ranges = options.unique === true ? this.#rangeReader() : null;
  }

  async sums(range: KeyRange, limit: number): Promise<GroupAnswer> {
    const { keys, last } = await this.#classes(range, limit);
    return this.#answered({ groups: this.#groups(keys), last, seconds: this.#seconds });
  }

  async sumsOf(keys: readonly Value[]): Promise<GroupAnswer> {
    await this.#asked();
    return this.#answered({ groups: this.#groups(keys), last: undefined, seconds: this.#seconds });
  }

  async keys(range: KeyRange, limit: number): Promise<KeyAnswer> {
    const { keys, last } = await this.#classes(range, limit);
    return {
      keys: this.#counted(this.#groups(keys).map((group) => group.key)),
      last,
      seconds: this.#seconds,
    };
  }

  async keysOf(keys: readonly Value[]): Promise<KeyAnswer> {
    await this.#asked();
    const groups = this.#groups(keys);
    return { keys: this.#counted(groups.map((group) => group.key)), last: undefined, seconds: this.#seconds };
  }

  async *rows(key: Value, range: IdentityRange): AsyncGenerator<RowSum> {
    await this.#asked();
    this.openStreams += 1;
    try {
      for (const row of this.#inRange(key, range)) {
        this.#meanwhile();
        this.streamed += 1;
        yield sumOf(row);
      }
    } finally {
      this.openStreams -= 1;
    }
  }

  async firstRows(key: Value, range: IdentityRange, limit: number): Promise<RowSum[]> {
    await this.#asked();
    return this.#counted(this.#inRange(key, range).slice(0, limit).map(sumOf));
  }

  async rowsOf(key: Value, identities: readonly Row[]): Promise<RowSum[]> {
    await this.#asked();
    const rows = this.#inRange(key, { after: undefined, through: undefined });
    const wanted = (row: FakeRow) =>
      identities.some((each) => this.#compareIdentity(each, row.identity) === 0);
    return this.#counted(rows.filter(wanted).map(sumOf));
  }

  async sum(key: Value, range: IdentityRange): Promise<RangeSum> {
    await this.#asked();
    const rows = this.#inRange(key, range);
    this.largestSum = Math.max(this.largestSum, rows.length);
    return { rows: rows.length, sum: digest(rows) };
  }

  async identityAt(key: Value, range: IdentityRange, row: number): Promise<Row | undefined> {
    await this.#asked();
    return this.#inRange(key, range)[row - 1]?.identity;
  }

  #rangeReader(): RangeReader {
    return {
      keyAt: async (range, number) => {
        const { keys } = await this.#classes(range, number);
        return { key: keys[number - 1], seconds: this.#seconds };
      },
      sum: async (range) => {
        const { keys } = await this.#classes(range, Infinity);
        const rows = this.#withKeys(keys);
        if (rows.length > this.#most) throw new QueryTimedOut('it took too long');
        this.largestSum = Math.max(this.largestSum, rows.length);
        return { rows: rows.length, sum: digest(rows), seconds: this.#seconds };
      },
    };
  }

  /** One key of each class of the range, and the last where there were more than `limit`. */
  async #classes(range: KeyRange, limit: number): Promise<{ keys: Value[]; last: Value | undefined }> {
    await this.#asked();
    const { compare } = this.#collation;
    const keys: Value[] = [];
    for (const key of this.stored.map((row) => row.key).sort(compare)) {
      if (range.after !== undefined && compare(key, range.after) <= 0) continue;
      if (range.through !== undefined && compare(key, range.through) > 0) continue;
      if (keys.length > 0 && compare(keys.at(-1)!, key) === 0) continue;
      keys.push(key);
    }
    const taken = keys.slice(0, limit);
    return { keys: taken, last: taken.length === limit ? taken.at(-1) : undefined };
  }

  #groups(keys: readonly Value[]): GroupSum[] {
    const byKey = new Map<string, FakeRow[]>();
    for (const row of this.#withKeys(keys)) {
      const spelling = canonicalKey(this.#collation.order, row.key);
      byKey.set(spelling, [...(byKey.get(spelling) ?? []), row]);
    }
    return [...byKey.values()].map((group) => ({
      key: group[0]!.key,
      rows: group.length,
      sum: digest(group),
    }));
  }

  #withKeys(keys: readonly Value[]): FakeRow[] {
    const { compare } = this.#collation;
    const sorted = keys.toSorted(compare);
    const rows = this.stored.filter((row) => hasEqual(sorted, row.key, compare));
    return rows.sort((a, b) => compare(a.key, b.key));
  }

  #inRange(key: Value, { after, through }: IdentityRange): FakeRow[] {
    const exact = canonicalKey(this.#collation.order, key);
    return this.stored
      .filter((row) => canonicalKey(this.#collation.order, row.key) === exact)
      .filter((row) => after === undefined || this.#compareIdentity(row.identity, after) > 0)
      .filter((row) => through === undefined || this.#compareIdentity(row.identity, through) <= 0)
      .sort((a, b) => this.#compareIdentity(a.identity, b.identity));
  }

  #compareIdentity(a: Row, b: Row): number {
    for (const [index, collation] of this.#identityCollations.entries()) {
      const difference = collation.compare(a[index]!, b[index]!);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Answers come in a later turn, as from a server. */
  async #asked(): Promise<void> {
    this.#meanwhile();
    await Promise.resolve();
  }

  #answered(answer: GroupAnswer): GroupAnswer {
    this.#counted(answer.groups);
    return answer;
  }

  #counted<Item>(answer: Item[]): Item[];
  #counted<Item>(answer: readonly Item[]): readonly Item[];
  #counted<Item>(answer: readonly Item[]): readonly Item[] {
    if (answer.length > this.#most) throw new QueryTimedOut('it took too long');
    this.largestAnswer = Math.max(this.largestAnswer, answer.length);
    this.answered += answer.length;
    return answer;
  }
}

/** By halving. */
function hasEqual(sorted: readonly Value[], key: Value, compare: Collation['compare']): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(sorted[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low < sorted.length && compare(sorted[low]!, key) === 0;
}

function digest(rows: readonly FakeRow[]): string {
  return rows
    .map(
      (row) =>
        canonicalIdentity(
          row.identity.map(() => 'own'),
          row.identity,
        ) + row.content,
    )
    .sort()
    .join();
}

function sumOf(row: FakeRow): RowSum {
  return { identity: row.identity, sum: row.content, copies: 1 };
}

function small(value: Value): Value {
  return typeof value === 'string' ? value.toLowerCase() : value;
}

function turned(value: Value): Value {
  return typeof value === 'string' ? [...value].reverse().join('') : value;
}
