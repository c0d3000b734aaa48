/** The text of an INSERT of one row of parameters, with that row as often as is asked for. */
import type { Lexed } from './lexed.ts';

const SEPARATOR = Buffer.from(', ');

/** Null: it has not one row, or a parameter outside of it. */
export function repeatRow(sql: Buffer, lexed: Lexed, rows: number): Buffer | null {
  if (lexed.rowCount !== 1 || lexed.executableComment || lexed.state !== 'complete') return null;
  for (let index = 0; index < lexed.literalCount; index++)
    if (lexed.literalOrdinal(index) >= 0 && lexed.literalRow(index) !== 0) return null;
  const [start, end] = [lexed.rowStart(0), lexed.rowEnd(0)];
  const another = Buffer.concat([SEPARATOR, sql.subarray(start, end)]);
  const length = (rows - 1) * another.length;
  return Buffer.concat([sql.subarray(0, end), Buffer.alloc(length, another), sql.subarray(end)]);
}
