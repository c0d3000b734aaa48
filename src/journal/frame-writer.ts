/**
 * Puts records into one reused frame. The records of the journal's files:
 *
 * | tag | what follows |
 * |---|---|
 * | 1 table | its name; the written keys behind it are of this table |
 * | 2 written | a key, or none for the whole table |
 * | 3 group | a table's name and a reason; the entries behind it are of these |
 * | 4 entry | a key or none, the count that is outstanding now (0: settled), and the note's number |
 * | 5 lost | a number: entries up to it are gone |
 * | 6 end | the number of the next note; a snapshot that does not end with it is not whole |
 *
 * Tables and groups hold to the end of their frame, so that a reader may begin at any frame.
 */
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, sealFrame } from './frame.ts';
import type { DoubtReason } from './journal.ts';

export const TAG = { table: 1, written: 2, group: 3, entry: 4, lost: 5, end: 6 } as const;

/** Longer ones are not told apart by the journal: a key stands for its whole table then, a table for any. */
export const KEY_LENGTH_MAX = 8192;
export const TABLE_LENGTH_MAX = 512;

/** Of a tag, a text's length, a count and a number. */
const NUMBERS_BYTES = 32;

export class FrameWriter {
  /** From 0 to `end` of it are the frame, once it is sealed. */
  readonly bytes = Buffer.allocUnsafeSlow(FRAME_BYTES_MAX);
  #end = FRAME_HEAD_BYTES;
  #table: string | null = null;
  #reason: DoubtReason | null = null;

  get empty(): boolean {
    return this.#end === FRAME_HEAD_BYTES;
  }

  /** Whether a record of this table and key has room. */
  fits(table: string, key: string | null): boolean {
    const texts = (table.length + (key === null ? 0 : key.length)) * 2;
    return this.#end + texts + NUMBERS_BYTES * 2 <= FRAME_BYTES_MAX;
  }

  written(table: string, key: string | null): void {
    if (table !== this.#table) {
      this.#table = table;
      this.bytes[this.#end++] = TAG.table;
      this.#text(table);
    }
    this.bytes[this.#end++] = TAG.written;
    this.#text(key);
  }

  entry(table: string, reason: DoubtReason, key: string | null, count: number, number: number): void {
    if (table !== this.#table || reason !== this.#reason) {
      this.#table = table;
      this.#reason = reason;
      this.bytes[this.#end++] = TAG.group;
      this.#text(table);
      this.#text(reason);
    }
    this.bytes[this.#end++] = TAG.entry;
    this.#text(key);
    this.#varint(count);
    this.#varint(number);
  }

  lost(through: number): void {
    this.bytes[this.#end++] = TAG.lost;
    this.#varint(through);
  }

  end(next: number): void {
    this.bytes[this.#end++] = TAG.end;
    this.#varint(next);
  }

  /** The frame's length. */
  seal(): number {
    sealFrame(this.bytes, this.#end);
    return this.#end;
  }

  clear(): void {
    this.#end = FRAME_HEAD_BYTES;
    this.#table = null;
    this.#reason = null;
  }

  /** Null is a length of 0; else twice the length, one more where its characters take two bytes, and one. */
  #text(text: string | null): void {
    if (text === null) {
      this.bytes[this.#end++] = 0;
      return;
    }
    const { length } = text;
    const start = this.#end;
    this.#varint(length * 2 + 1);
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0xff) {
        this.#end = start;
        this.#wideText(text);
        return;
      }
      this.bytes[this.#end++] = code;
    }
  }

  /** UTF-16 keeps every text as it is, also halves of pairs. */
  #wideText(text: string): void {
    this.#varint(text.length * 2 + 2);
    this.#end += this.bytes.write(text, this.#end, 'utf16le');
  }

  /** Seven bits a byte, the low ones first. */
  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.bytes[this.#end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.#end++] = rest;
  }
}
