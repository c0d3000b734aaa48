/** Sums up ranges of keys of one side of a table by SQL. */
import type { RangeReader } from './group-reader.ts';
import { allOf, inRange } from './key-sql.ts';
import type { KeyColumn } from './table-pair.ts';
import type { TableSide } from './table-side.ts';
import { timed } from './timing.ts';

/** Null: rows of one key may be many, have no order that both sides share, or are summed up here. */
export function openRangeReader(table: TableSide, group: KeyColumn): RangeReader | null {
  const { pair, side, checksum, from } = table;
  const [only, ...more] = pair.identity;
  if (only?.name !== group.name || more.length > 0) return null;
  if (group.order === 'own' || checksum.form === 'client') return null;
  return {
    keyAt: (range, number) =>
      timed(async () => {
        const [found] = await table.rows({
          shape: 'range ends',
          sql: `SELECT ${group.select[side]} ${from} WHERE ${allOf(inRange(group, side, range))}
                ORDER BY ${group.column[side]} LIMIT 1 OFFSET ${number - 1}`,
          maySort: false,
        });
        return { key: found === undefined ? undefined : (found[0] ?? null) };
      }),
    sum: (range) => timed(() => table.sum('checksums of ranges', allOf(inRange(group, side, range)))),
  };
}
