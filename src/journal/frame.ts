/**
 * What stands in the journal's files: frames, each with the length of its payload and a checksum over it, both
 * unsigned numbers of 32 bits, little-endian. A frame is one append, and is read whole or not at all.
 */
import { crc32c } from '../base/crc32c.ts';

/** Of the length and the checksum. */
export const FRAME_HEAD_BYTES = 8;
/** With its head: what a reader must have room for. */
export const FRAME_BYTES_MAX = 64 * 1024;

/** Writes length and checksum before a payload that ends at `end` and begins behind the head. */
export function sealFrame(frame: Buffer, end: number): void {
  writeUint32(frame, 0, end - FRAME_HEAD_BYTES);
  writeUint32(frame, 4, crc32c(frame, FRAME_HEAD_BYTES, end));
}

/** A payload as a frame of its own. */
export function frameOf(payload: Buffer): Buffer {
  const frame = Buffer.alloc(FRAME_HEAD_BYTES + payload.length);
  payload.copy(frame, FRAME_HEAD_BYTES);
  sealFrame(frame, frame.length);
  return frame;
}

/**
 * The end of the frame that begins at `start`; `more`: it goes on behind `end`; `broken`: it is no frame.
 * A length of zero is none: a machine that lost its power may leave zeros behind the last frame.
 */
export function frameEnd(bytes: Buffer, start: number, end: number): number | 'more' | 'broken' {
  if (end - start < FRAME_HEAD_BYTES) return 'more';
  const length = bytes.readUInt32LE(start);
  const payload = start + FRAME_HEAD_BYTES;
  if (length === 0 || length > FRAME_BYTES_MAX - FRAME_HEAD_BYTES) return 'broken';
  if (payload + length > end) return 'more';
  const sound = crc32c(bytes, payload, payload + length) === bytes.readUInt32LE(start + 4);
  return sound ? payload + length : 'broken';
}

/** Buffer's own checks its arguments, which shows where a statement pays for it. */
function writeUint32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
