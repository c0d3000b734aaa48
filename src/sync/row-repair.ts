/** Makes the target's rows those of the source: the ones that differ alone, in small transactions, on its primary. */
import { messageOf } from '../base/errors.ts';
import { canonicalIdentity, type KeyOrder } from './key-order.ts';
import { refusalRemedy } from './refusal-remedy.ts';
import type { RepairSql } from './repair-sql.ts';
import { addRows, NO_ROWS, type RowCounts } from './row-counts.ts';
import type { RowDifference } from './row-difference.ts';
import type { WriteStatement } from './sync-connection.ts';
import type { SyncServer } from './sync-server.ts';
import type { Row, Value } from './value.ts';

export interface RowRepairOptions {
  readonly sql: RepairSql;
  /** Of each identity column; none: the table has no identity. */
  readonly orders: readonly KeyOrder[];
  /** The source's primary. */
  readonly source: Pick<SyncServer, 'rows'>;
  /** The target's primary. */
  readonly target: Pick<SyncServer, 'write'>;
  readonly rowsPerTransaction: number;
}

/** Some rows could not be written; the others were. */
export class RowsRefused extends Error {
  override readonly name = 'RowsRefused';
}

/** How many reasons are told of the rows that could not be written. */
const REASONS_MAX = 3;

export class RowRepair {
  readonly #options: RowRepairOptions;

  constructor(options: RowRepairOptions) {
    this.#options = options;
  }

  /**
   * Resolves to how many rows were found wrong. Rejects with RowsRefused where the target would not take some of them
   * (a unique key of another group's row, a value that does not fit), and with whatever ended the reading.
   */
  async repair(
    key: Value,
    differences: AsyncIterable<RowDifference> | Iterable<RowDifference>,
  ): Promise<RowCounts> {
    const { rowsPerTransaction } = this.#options;
    const refused: string[] = [];
    let rows = NO_ROWS;
    let some: RowDifference[] = [];
    for await (const difference of differences) {
      rows = addRows(rows, countOf(difference));
      some.push(difference);
      if (some.length < rowsPerTransaction) continue;
      refused.push(...(await this.#write(key, some)));
      some = [];
    }
    if (some.length > 0) refused.push(...(await this.#write(key, some)));
    if (refused.length > 0) throw new RowsRefused(refusal(refused));
    return rows;
  }

  /** All of them at once, and where that is refused one by one; answers why rows could not be written. */
  async #write(key: Value, differences: readonly RowDifference[]): Promise<string[]> {
    const { target } = this.#options;
    const rows = await this.#rowsOf(key, differences);
    try {
      await target.write(this.#statements(key, differences, rows));
      return [];
    } catch (error) {
      const [only, more] = differences;
      if (more === undefined && only !== undefined && !isDuplicate(error)) return [this.#reason(only, error)];
    }
    const refused: string[] = [];
    for (const difference of differences) {
      try {
        await target.write(this.#statements(key, [difference], rows));
      } catch (error) {
        refused.push(this.#reason(difference, error));
        if (isDuplicate(error)) await this.#makeRoom(key, difference);
      }
    }
    return refused;
  }

  /**
   * Another group's row stands in the way, and this one may stand in its way: that can then be repaired, and this one
   * by the next pass. Until then the row, which was wrong, is missing.
   */
  async #makeRoom(key: Value, difference: RowDifference): Promise<void> {
    const statements = this.#statements(key, [difference], new Map());
    if (statements.length > 0) await this.#options.target.write(statements);
  }

  /** As the source has them now; a row that has gone from it meanwhile is left out. */
  async #rowsOf(key: Value, differences: readonly RowDifference[]): Promise<ReadonlyMap<string, Row>> {
    const { sql, source } = this.#options;
    const wanted = differences.filter(({ kind }) => kind !== 'extra').map(({ identity }) => identity);
    if (wanted.length === 0) return new Map();
    const width = sql.identityWidth;
    const rows = await source.rows(sql.select(key, wanted));
    return new Map(rows.map((row) => [this.#nameOf(row.slice(0, width)), row.slice(width)]));
  }

  /** What is to go first: where a unique key takes two rows for one, the wrong one must make room. */
  #statements(
    key: Value,
    differences: readonly RowDifference[],
    rows: ReadonlyMap<string, Row>,
  ): WriteStatement[] {
    const { sql, orders } = this.#options;
    const statements: string[] = [];
    const inserted: Row[] = [];
    for (const { kind, identity, copies } of differences) {
      const row = kind === 'extra' ? undefined : rows.get(this.#nameOf(identity));
      if (row !== undefined) for (let copy = 0; copy < copies; copy++) inserted.push(row);
      if (orders.length === 0 && kind === 'extra') statements.push(sql.remove(key, identity, copies));
    }
    if (orders.length > 0) statements.push(...this.#removals(key, differences));
    statements.push(...sql.inserts(inserted));
    return statements.map((text) => ({ sql: text, values: [] }));
  }

  #removals(key: Value, differences: readonly RowDifference[]): string[] {
    const { sql } = this.#options;
    const extra = differences.filter(({ kind }) => kind === 'extra').map(({ identity }) => identity);
    const others = differences.filter(({ kind }) => kind !== 'extra').map(({ identity }) => identity);
    return [
      // A row that is extra here may have come to its right group since it was found.
      ...(extra.length > 0 ? [sql.removeFromGroup(key, extra)] : []),
      // A row that is missing here may be there in another group, in which it is extra.
      ...(others.length > 0 ? [sql.removeAll(others)] : []),
    ];
  }

  #reason({ identity }: RowDifference, error: unknown): string {
    return `${this.#options.sql.shown(identity)}: ${messageOf(error)}${refusalRemedy(error)}`;
  }

  #nameOf(identity: Row): string {
    const { orders } = this.#options;
    return canonicalIdentity(orders.length === 0 ? ['bytes'] : orders, identity);
  }
}

/** ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME */
const DUPLICATE_ERRORS: ReadonlySet<unknown> = new Set([1062, 1586]);

function isDuplicate(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && DUPLICATE_ERRORS.has(error.errno);
}

export async function countRows(
  differences: AsyncIterable<RowDifference> | Iterable<RowDifference>,
): Promise<RowCounts> {
  let rows = NO_ROWS;
  for await (const difference of differences) rows = addRows(rows, countOf(difference));
  return rows;
}

function countOf({ kind, copies }: RowDifference): RowCounts {
  return { ...NO_ROWS, [kind]: copies };
}

function refusal(reasons: readonly string[]): string {
  const told = [...new Set(reasons)].slice(0, REASONS_MAX).join('; ');
  return `${reasons.length} ${reasons.length === 1 ? 'row' : 'rows'} could not be written: ${told}`;
}
