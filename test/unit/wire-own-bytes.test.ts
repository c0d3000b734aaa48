/** What is kept for long keeps no chunk of the network in memory. */
import { describe, expect, it } from 'vitest';
import { ownBytes } from '../../src/wire/own-bytes.ts';

describe('own bytes', () => {
  const chunk = Buffer.alloc(65_536, 7);

  it('are a copy of a small part of a chunk, and nothing else', () => {
    const own = ownBytes(chunk.subarray(100, 160));
    expect(own).toEqual(chunk.subarray(100, 160));
    expect(own.buffer.byteLength).toBe(60);
  });

  it('are the bytes themselves where they are most of it', () => {
    const most = chunk.subarray(0, 40_000);
    expect(ownBytes(most)).toBe(most);
    expect(ownBytes(chunk)).toBe(chunk);
  });
});
