/** A group reader whose checksum queries are timed. */
import type { GroupReader, RangeReader } from './group-reader.ts';

/** `took`: a checksum query took so many seconds. */
export function timedReader(reader: GroupReader, took: (seconds: number) => void): GroupReader {
  const timed = async <T extends { readonly seconds: number }>(asked: Promise<T>): Promise<T> => {
    const answer = await asked;
    took(answer.seconds);
    return answer;
  };
  const timedRanges = (ranges: RangeReader): RangeReader => ({
    keyAt: (range, number) => ranges.keyAt(range, number),
    sum: (range) => timed(ranges.sum(range)),
  });
  return {
    name: reader.name,
    ranges: reader.ranges === null ? null : timedRanges(reader.ranges),
    sums: (range, limit) => timed(reader.sums(range, limit)),
    sumsOf: (keys) => timed(reader.sumsOf(keys)),
    keys: (range, limit) => reader.keys(range, limit),
    keysOf: (keys) => reader.keysOf(keys),
  };
}
