/** Takes a session out of order: bits, packets, lengths and numbers changed, at places that the dice choose. */
import type { Random } from '../harness/random.ts';
import type { Segment } from './session-grammar.ts';

const HEADER = 4;
const GARBAGE_MAX = 2000;
/** In longer pieces nothing is moved about: it would cost more than it shows. */
const MOVED_BYTES_MAX = 1 << 20;

/** The bytes of a run of packets, changed one to four times; never fails, whatever the bytes are. */
export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  let result = bytes;
  for (let left = random.integer(1, 4); left > 0; left -= 1) result = mutateOnce(result, random);
  return result;
}

/** One to three of the segments mutated; a segment may also be lost, or come twice. */
export function mutateSession(segments: readonly Segment[], random: Random): Segment[] {
  const result = [...segments];
  for (let left = random.integer(1, 3); left > 0 && result.length > 0; left -= 1) {
    const at = random.integer(0, result.length - 1);
    const segment = result[at]!;
    const dice = random.next();
    if (dice < 0.06) result.splice(at, 1);
    else if (dice < 0.12) result.splice(at, 0, segment);
    else result[at] = { from: segment.from, bytes: mutateBytes(segment.bytes, random) };
  }
  return result;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

function mutateOnce(bytes: Buffer, random: Random): Buffer {
  const spans = packetsOf(bytes);
  if (spans.length === 0) return noise(random);
  const { from, to } = random.pick(spans);
  const before = bytes.subarray(0, from);
  const packet = bytes.subarray(from, to);
  const behind = bytes.subarray(to);
  const isLong = bytes.length > MOVED_BYTES_MAX;
  const how = isLong ? random.integer(0, 2) : random.integer(0, 9);
  switch (how) {
    case 0:
      return changed(bytes, from + 3, random.integer(0, 255));
    case 1:
      return changed(bytes, from, (bytes[from]! + random.pick([1, 0xff])) & 0xff);
    case 2:
      return changed(bytes, random.integer(from, to - 1), random.pick([0, 1, 0x7f, 0xfb, 0xfc, 0xfe, 0xff]));
    case 3:
      return flipped(bytes, random.integer(from, to - 1), random.integer(0, 7));
    case 4:
      return Buffer.concat([before, behind]);
    case 5:
      return Buffer.concat([before, packet, packet, behind]);
    case 6:
      return Buffer.concat([before, packet.subarray(0, random.integer(0, packet.length - 1)), behind]);
    case 7:
      return Buffer.concat([before, noise(random), packet, behind]);
    case 8:
      return Buffer.concat([before, packet]);
    default:
      return Buffer.concat([behind, before, packet]);
  }
}

function packetsOf(bytes: Buffer): Span[] {
  const spans: Span[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const to = Math.min(bytes.length, at + HEADER + bytes.readUIntLE(at, 3));
    spans.push({ from: at, to });
    at = to;
  }
  return spans;
}

function changed(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  if (at < copy.length) copy[at] = value;
  return copy;
}

function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  return changed(bytes, at, (bytes[at] ?? 0) ^ (1 << bit));
}

/** Few zero bytes in a row: each four of them are an empty command, and thousands of those hold up the client. */
function noise(random: Random): Buffer {
  const bytes = Buffer.allocUnsafe(random.heavyTailed(1, GARBAGE_MAX, 0.7));
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = random.integer(0, 255);
  return bytes;
}
