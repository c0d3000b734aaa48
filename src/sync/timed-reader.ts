/** A group reader whose checksum queries are timed. */
import type { GroupAnswer, GroupReader } from './group-reader.ts';

export function timedReader(reader: GroupReader, took: (seconds: number) => void): GroupReader {
  const timed = async (asked: Promise<GroupAnswer>): Promise<GroupAnswer> => {
    const answer = await asked;
    took(answer.seconds);
    return answer;
  };
  return {
    name: reader.name,
    sums: (range, limit) => timed(reader.sums(range, limit)),
    sumsOf: (keys) => timed(reader.sumsOf(keys)),
    keys: (range, limit) => reader.keys(range, limit),
    keysOf: (keys) => reader.keysOf(keys),
  };
}
