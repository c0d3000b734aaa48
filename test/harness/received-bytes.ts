/** Every byte a socket received, kept; and whole packets read from it by a cursor. */
import type { Socket } from 'node:net';

const START_BYTES = 64 * 1024;
const KEPT_BYTES_MAX = 512 * 1024 * 1024;
const HEADER_BYTES = 4;
const TAIL_SHOWN_BYTES = 64;

/** One packet as it came. A payload of 0xffffff bytes is continued in the next packet. */
export interface RawPacket {
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Until a wait for more bytes is given up. */
const TIMEOUT_MS = 45_000;

export class ReceivedBytes {
  #bytes = Buffer.allocUnsafe(START_BYTES);
  #end = 0;
  #ended: Error | undefined;
  #wake: () => void = () => undefined;
  /** Where the next packet begins. */
  cursor = 0;
  readonly #timeoutMs: number;
  readonly #onData = (data: Buffer): void => this.#append(data);

  constructor(socket: Socket, timeoutMs = TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs;
    this.#listen(socket);
  }

  /** Goes on with what TLS makes of the bytes of `from`. */
  moveTo(socket: Socket, from: Socket): void {
    from.off('data', this.#onData);
    this.#listen(socket);
  }

  #listen(socket: Socket): void {
    socket.on('data', this.#onData);
    socket.on('error', (error) => this.#finish(error));
    socket.on('close', () => this.#finish(new Error('the connection is closed')));
  }

  /** Everything received, or what was received from `from` to `to`; a copy. */
  slice(from = 0, to = this.#end): Buffer {
    return Buffer.from(this.#bytes.subarray(from, Math.min(to, this.#end)));
  }

  get length(): number {
    return this.#end;
  }

  /** True once the other side has closed. */
  get closed(): boolean {
    return this.#ended !== undefined;
  }

  /** How the connection ended: the error's code, or `closed` in good order; null while it stands. */
  get ending(): string | null {
    if (this.#ended === undefined) return null;
    return (this.#ended as NodeJS.ErrnoException).code ?? 'closed';
  }

  /** Reads one packet; throws where none comes in time or the connection ends first. */
  async packet(): Promise<RawPacket> {
    await this.until(() => this.#end - this.cursor >= HEADER_BYTES);
    const length = this.#bytes.readUIntLE(this.cursor, 3);
    const sequence = this.#bytes[this.cursor + 3] ?? 0;
    const start = this.cursor + HEADER_BYTES;
    await this.until(() => this.#end >= start + length);
    this.cursor = start + length;
    return { sequence, payload: this.slice(start, start + length) };
  }

  /** Waits until the other side closes. */
  async untilClosed(): Promise<void> {
    await this.until(() => this.#ended !== undefined);
  }

  async until(holds: () => boolean): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, this.#timeoutMs);
    try {
      while (!holds()) {
        if (late) throw new Error(`nothing more came within ${this.#timeoutMs} ms; ${this.#describe()}`);
        if (this.#ended !== undefined) throw new Error(`${this.#ended.message}; ${this.#describe()}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #append(data: Buffer): void {
    if (this.#end + data.length > KEPT_BYTES_MAX) {
      this.#finish(new Error(`more than ${KEPT_BYTES_MAX} bytes were received`));
      return;
    }
    if (this.#end + data.length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + data.length));
      this.#bytes.copy(grown, 0, 0, this.#end);
      this.#bytes = grown;
    }
    data.copy(this.#bytes, this.#end);
    this.#end += data.length;
    this.#wake();
  }

  #finish(error: Error): void {
    this.#ended ??= error;
    this.#wake();
  }

  #describe(): string {
    const from = Math.max(this.cursor, this.#end - TAIL_SHOWN_BYTES);
    return `${this.#end - this.cursor} unread bytes, ending ${this.slice(from).toString('hex') || 'with nothing'}`;
  }
}
