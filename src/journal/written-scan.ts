/** Reads the written log, a piece at a time. */
import type { Disk } from './disk.ts';
import { readFrames } from './frame-reader.ts';
import type { Doubt } from './journal.ts';
import { type RecordVisitor, readRecords } from './record-reader.ts';
import type { WrittenSegment } from './written-segment.ts';

/** Where a reader stands: the records of the frame at `offset` up to `skip` were read. */
export interface WrittenPosition {
  readonly id: number;
  readonly offset: number;
  readonly skip: number;
}

export interface WrittenPage {
  readonly entries: Doubt[];
  readonly position: WrittenPosition;
}

/** The keys from a position to `end`, each once with the times it was found, at most `limit`. */
export async function readWritten(
  disk: Disk,
  segments: readonly WrittenSegment[],
  from: WrittenPosition,
  end: { readonly id: number; readonly offset: number },
  limit: number,
): Promise<WrittenPage> {
  const page = new PageOfKeys(limit);
  for (const segment of segments) {
    if (segment.id < from.id || segment.id > end.id) continue;
    const [start, skip] =
      segment.id === from.id && from.offset > 0 ? [from.offset, from.skip] : [segment.headerBytes, 0];
    page.begin(skip);
    const until = segment.id === end.id ? end.offset : Infinity;
    const { position } = await readFrames(disk, segment.fd, start, until, (bytes, payload, last) => {
      readRecords(bytes, payload, last, page);
      return page.endFrame();
    });
    if (page.full)
      return { entries: page.entries(), position: { id: segment.id, offset: position, skip: page.taken } };
  }
  return { entries: page.entries(), position: { ...end, skip: 0 } };
}

/** Shows a visitor the records of some parts of segments. */
export async function readRanges(
  disk: Disk,
  ranges: readonly { readonly segment: WrittenSegment; readonly start: number; readonly end: number }[],
  visitor: RecordVisitor,
): Promise<void> {
  for (const { segment, start, end } of ranges) {
    await readFrames(disk, segment.fd, start, end, (bytes, payload, last) => {
      readRecords(bytes, payload, last, visitor);
      return 'more';
    });
  }
}

class PageOfKeys {
  readonly #limit: number;
  readonly #tables = new Map<string, Map<string | null, number>>();
  #size = 0;
  #skip = 0;
  /** Records of this frame that are in the page, or were in the one before. */
  #taken = 0;
  #full = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.#full;
  }

  get taken(): number {
    return this.#taken;
  }

  /** A segment: the first `skip` records of the frame that comes were read before. */
  begin(skip: number): void {
    this.#skip = skip;
    this.#taken = 0;
  }

  written(table: string, key: string | null): void {
    if (this.#full) return;
    if (this.#skip > 0) {
      this.#skip -= 1;
      this.#taken += 1;
      return;
    }
    const keys = this.#tables.get(table) ?? new Map<string | null, number>();
    const count = keys.get(key);
    if (count === undefined && this.#size === this.#limit) {
      this.#full = true;
      return;
    }
    if (count === undefined) this.#size += 1;
    keys.set(key, (count ?? 0) + 1);
    this.#tables.set(table, keys);
    this.#taken += 1;
  }

  endFrame(): 'more' | 'stop' {
    if (this.#full) return 'stop';
    this.#taken = 0;
    return 'more';
  }

  entries(): Doubt[] {
    return [...this.#tables].flatMap(([table, keys]) =>
      [...keys].map(([key, count]) => ({ table, key, reason: 'written' as const, count })),
    );
  }
}

/** Of some entries those whose keys were written: what `written` was told of. */
export class WrittenAmong {
  readonly #wanted = new Map<string, Set<string | null>>();
  readonly #found = new Map<string, Set<string | null>>();
  readonly #wholeTables = new Set<string>();
  #any = false;
  #nothing = true;

  constructor(entries: readonly Doubt[]) {
    for (const { table, key } of entries) {
      const keys = this.#wanted.get(table) ?? new Set();
      this.#wanted.set(table, keys.add(key));
    }
  }

  written(table: string, key: string | null): void {
    this.#nothing = false;
    const wanted = this.#wanted.get(table);
    if (table === '*') this.#any = true;
    else if (wanted === undefined) return;
    else if (key === null) this.#wholeTables.add(table);
    else if (wanted.has(key) || wanted.has(null)) {
      const keys = this.#found.get(table) ?? new Set();
      this.#found.set(table, keys.add(key));
    }
  }

  /** A whole table was written where any key of it was; any table where anything was. */
  has({ table, key }: Doubt): boolean {
    if (this.#any || (table === '*' && !this.#nothing)) return true;
    if (this.#wholeTables.has(table)) return true;
    const keys = this.#found.get(table);
    return keys !== undefined && (key === null || keys.has(key));
  }
}
