/** A group reader that does not give up on what takes longer than a query may: it asks for less at a time. */
import type { GroupParts } from './group-parts.ts';
import type { GroupAnswer, GroupReader } from './group-reader.ts';
import type { GroupSum } from './group-sum.ts';
import { QueryTimedOut } from './sync-connection.ts';
import { timed } from './timing.ts';
import { spellingOf, type Value } from './value.ts';

/**
 * Of one group it asks for its parts, if `parts` has any. QueryTimedOut is what is left where that does not help, and
 * where more than one group of a range was asked for: how many these are is the caller's to say.
 */
export function patientReader(reader: GroupReader, parts: GroupParts | null): GroupReader {
  const groupsOf = async (keys: readonly Value[]): Promise<readonly GroupSum[]> => {
    try {
      return (await reader.sumsOf(keys)).groups;
    } catch (error) {
      if (!(error instanceof QueryTimedOut)) throw error;
      if (keys.length < 2) return await inParts((await reader.keysOf(keys)).keys, error);
      const half = Math.ceil(keys.length / 2);
      const first = await groupsOf(keys.slice(0, half));
      // Of spellings that the side takes for one, each half may have been told all.
      const told = new Set(first.map(({ key }) => spellingOf(key)));
      const second = await groupsOf(keys.slice(half));
      return [...first, ...second.filter(({ key }) => !told.has(spellingOf(key)))];
    }
  };
  /** `keys`: all spellings of one key. */
  const inParts = async (keys: readonly Value[], error: QueryTimedOut): Promise<readonly GroupSum[]> => {
    if (parts === null) throw error;
    const groups: GroupSum[] = [];
    for (const key of keys) groups.push({ key, ...(await parts.sum(key)) });
    return groups.filter(({ rows }) => rows > 0);
  };
  return {
    name: reader.name,
    ranges: reader.ranges,
    keys: (range, limit) => reader.keys(range, limit),
    keysOf: (keys) => reader.keysOf(keys),
    sumsOf: (keys) =>
      timed<Omit<GroupAnswer, 'seconds'>>(async () => ({ groups: await groupsOf(keys), last: undefined })),
    sums: (range, limit) =>
      timed<Omit<GroupAnswer, 'seconds'>>(async () => {
        try {
          return await reader.sums(range, limit);
        } catch (error) {
          if (!(error instanceof QueryTimedOut) || limit > 1) throw error;
          const { keys, last } = await reader.keys(range, 1);
          return { groups: await inParts(keys, error), last };
        }
      }),
  };
}
