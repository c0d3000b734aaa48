/** How many rows were found wrong, and in which way. */

export interface RowCounts {
  /** Rows that the target lacked, had besides, or had otherwise. */
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
}

export const NO_ROWS: RowCounts = Object.freeze({ missing: 0, extra: 0, different: 0 });

export function addRows(left: RowCounts, right: RowCounts): RowCounts {
  return {
    missing: left.missing + right.missing,
    extra: left.extra + right.extra,
    different: left.different + right.different,
  };
}
