/** A small piece of a larger buffer keeps all of that in memory: whoever keeps many for long must have their own. */

/** How much larger than the bytes the memory behind them may be. */
const WASTE_MAX = 4;

/** The bytes themselves, or a copy where they are a small part of what they are a view of. */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.length * WASTE_MAX >= bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}
