/** Reads the records of a frame's payload; `frame-writer.ts` tells of them. */
import { TAG } from './frame-writer.ts';
import { DOUBT_REASONS, type DoubtReason } from './journal.ts';

export interface RecordVisitor {
  written?(table: string, key: string | null): void;
  entry?(table: string, reason: DoubtReason, key: string | null, count: number, number: number): void;
  lost?(through: number): void;
  end?(next: number): void;
}

const REASONS: ReadonlyMap<string, DoubtReason> = new Map(DOUBT_REASONS.map((reason) => [reason, reason]));

/** Throws RangeError where the payload does not hold what the format says. */
export function readRecords(bytes: Buffer, start: number, end: number, visitor: RecordVisitor): void {
  const reader = new PayloadReader(bytes, start, end);
  let table = '';
  let reason: DoubtReason = 'uncertain';
  while (!reader.done) {
    const tag = reader.byte();
    if (tag === TAG.table) {
      table = reader.text() ?? '';
    } else if (tag === TAG.written) {
      visitor.written?.(table, reader.text());
    } else if (tag === TAG.group) {
      table = reader.text() ?? '';
      // A version to come may have more of them.
      reason = REASONS.get(reader.text() ?? '') ?? 'uncertain';
    } else if (tag === TAG.entry) {
      visitor.entry?.(table, reason, reader.text(), reader.varint(), reader.varint());
    } else if (tag === TAG.lost) {
      visitor.lost?.(reader.varint());
    } else if (tag === TAG.end) {
      visitor.end?.(reader.varint());
    } else {
      throw new RangeError(`no record has the tag ${tag}`);
    }
  }
}

class PayloadReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    if (this.done) throw new RangeError('a record ends beyond its frame');
    return this.#bytes[this.#at++]!;
  }

  varint(): number {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 0x80;
      if (unit > Number.MAX_SAFE_INTEGER) throw new RangeError('a number has too many digits');
    }
  }

  text(): string | null {
    const head = this.varint();
    if (head === 0) return null;
    const wide = head % 2 === 0;
    const length = wide ? head - 2 : (head - 1) / 2;
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw new RangeError('a text ends beyond its frame');
    return this.#bytes.toString(wide ? 'utf16le' : 'latin1', start, this.#at);
  }
}
