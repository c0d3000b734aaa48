/** Length-encoded integers. MySQL manual: "Protocol::LengthEncodedInteger". */

/** Bytes that the integer beginning with `first` takes, itself included; 0 where none begins so. */
export function lenencSize(first: number): number {
  if (first < 0xfb) return 1;
  if (first === 0xfc) return 3;
  if (first === 0xfd) return 4;
  if (first === 0xfe) return 9;
  return 0;
}

/** The integer at `at`; a bigint only where a number would lose digits. The caller has checked the size. */
export function lenencValue(bytes: Buffer, at: number): number | bigint {
  const first = bytes[at]!;
  if (first < 0xfb) return first;
  if (first === 0xfc) return bytes.readUInt16LE(at + 1);
  if (first === 0xfd) return bytes.readUIntLE(at + 1, 3);
  const high = bytes.readUInt32LE(at + 5);
  const low = bytes.readUInt32LE(at + 1);
  if (high < 0x20_0000) return high * 0x1_0000_0000 + low;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** A length-encoded string of fewer than 16 MiB. */
export function lengthEncoded(bytes: Buffer): Buffer {
  const { length } = bytes;
  if (length < 0xfb) return Buffer.concat([Buffer.of(length), bytes]);
  const head = Buffer.alloc(length < 0x1_0000 ? 3 : 4);
  head[0] = head.length === 3 ? 0xfc : 0xfd;
  head.writeUIntLE(length, 1, head.length - 1);
  return Buffer.concat([head, bytes]);
}

/** A cursor over one payload. A read past the end sets `failed` and gives zeros: check it once, at the end. */
export class PayloadCursor {
  readonly bytes: Buffer;
  readonly end: number;
  at: number;
  failed = false;

  constructor(bytes: Buffer, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Moves on by `count` bytes; answers where they begin, or -1 when there are not so many. */
  take(count: number): number {
    const from = this.at;
    if (count < 0 || from + count > this.end) {
      this.failed = true;
      this.at = this.end;
      return -1;
    }
    this.at = from + count;
    return from;
  }

  integer(width: 1 | 2 | 3 | 4): number {
    const from = this.take(width);
    return from < 0 ? 0 : this.bytes.readUIntLE(from, width);
  }

  lenenc(): number | bigint {
    const size = this.at < this.end ? lenencSize(this.bytes[this.at]!) : 0;
    if (size === 0) {
      this.failed = true;
      return 0;
    }
    const from = this.take(size);
    return from < 0 ? 0 : lenencValue(this.bytes, from);
  }

  /** A length-encoded string, as a view. */
  lenencBytes(): Buffer {
    return this.view(Number(this.lenenc()));
  }

  /** The next `count` bytes, as a view. */
  view(count: number): Buffer {
    const from = this.take(count);
    return from < 0 ? this.bytes.subarray(0, 0) : this.bytes.subarray(from, this.at);
  }

  /** A NUL-terminated string, as a view without its NUL. A missing NUL fails. */
  nulBytes(): Buffer {
    const nul = this.bytes.indexOf(0, this.at);
    if (nul < 0 || nul >= this.end) {
      this.failed = true;
      return this.bytes.subarray(0, 0);
    }
    const view = this.bytes.subarray(this.at, nul);
    this.at = nul + 1;
    return view;
  }
}
