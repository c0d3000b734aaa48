/** One row as one text, which is the same on both sides just where the row is. */
import { partSql } from './column-encoding.ts';
import type { Side } from './side.ts';
import { type ComparedColumn, digestOf, type TablePair } from './table-pair.ts';

/** Bytes of all large values of a row that may stand in its text; of what is longer its digest does. */
const INLINE_BYTES = 131_072;

const SEPARATOR = "_binary'#' COLLATE `binary`";

/** The SQL of the row's text. What a client must make canonical is not in it. */
export function rowText(pair: TablePair, side: Side, columns: readonly ComparedColumn[]): string {
  const digest = digestOf(pair.digest);
  const large = columns.filter(
    ({ encoding }) => encoding.by === 'server' && isLarge(encoding.sides.old),
  ).length;
  const inlineMax = Math.floor(INLINE_BYTES / Math.max(8, large));
  const parts = columns.flatMap(({ columns: { [side]: column }, encoding }) =>
    encoding.by === 'server'
      ? partSql(encoding.sides[side], { nullable: column.nullable, inlineMax, digest })
      : [],
  );
  // This separator makes all of it binary, whatever the parts' collations: none is converted to another's character set.
  return `CONCAT_WS(${SEPARATOR}, ${parts.length === 0 ? "''" : parts.join(', ')})`;
}

function isLarge(part: { readonly form: string; readonly large?: boolean }): boolean {
  return part.large === true;
}

/** The values that a client makes canonical, as expressions. */
export function clientValues(side: Side, columns: readonly ComparedColumn[]): readonly string[] {
  return columns.flatMap(({ encoding }) => (encoding.by === 'client' ? [encoding.sides[side]] : []));
}
