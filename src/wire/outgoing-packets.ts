/** Commands put together for one write. MySQL manual: "MySQL Packets". */
import { commandPayload, framed } from './packets.ts';
import { HEADER_LENGTH, MAX_PAYLOAD } from './protocol.ts';

const ROOM = 16 * 1024;
/** Room that one large command made is let go again beyond this. */
const ROOM_KEPT = 256 * 1024;

export class OutgoingPackets {
  #bytes = Buffer.allocUnsafeSlow(ROOM);
  #fill = 0;

  /** Adds a command: its byte, then its body (`body` from `from` on), in as many packets as its length needs. */
  add(command: number, body: Buffer, from = 0): void {
    const length = 1 + body.length - from;
    if (length >= MAX_PAYLOAD) {
      for (const piece of framed(commandPayload(command, body.subarray(from)))) this.#append(piece);
      return;
    }
    this.#makeRoom(HEADER_LENGTH + length);
    const bytes = this.#bytes;
    const at = this.#fill;
    bytes[at] = length & 0xff;
    bytes[at + 1] = (length >> 8) & 0xff;
    bytes[at + 2] = length >> 16;
    bytes[at + 3] = 0;
    bytes[at + HEADER_LENGTH] = command;
    body.copy(bytes, at + HEADER_LENGTH + 1, from);
    this.#fill = at + HEADER_LENGTH + length;
  }

  /** Gives away what was added since, as a view that holds good until the next `add`. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#fill);
    this.#fill = 0;
    if (this.#bytes.length > ROOM_KEPT) this.#bytes = Buffer.allocUnsafeSlow(ROOM);
    return taken;
  }

  #append(piece: Buffer): void {
    this.#makeRoom(piece.length);
    piece.copy(this.#bytes, this.#fill);
    this.#fill += piece.length;
  }

  #makeRoom(more: number): void {
    const needed = this.#fill + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#fill);
    this.#bytes = grown;
  }
}
