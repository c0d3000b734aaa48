/** Makes the target's rows those of the source: the ones that differ alone, in small transactions, on its primary. */
import { messageOf } from '../base/errors.ts';
import { canonicalIdentity, type KeyOrder } from './key-order.ts';
import { refusalRemedy } from './refusal-remedy.ts';
import type { PlacedDifference as Placed, RepairSql } from './repair-sql.ts';
import { addRows, NO_ROWS, type RowCounts } from './row-counts.ts';
import type { RowDifference } from './row-difference.ts';
import type { WriteStatement } from './sync-connection.ts';
import type { SyncServer } from './sync-server.ts';
import { TransactionSize } from './transaction-size.ts';
import type { Row, Value } from './value.ts';
import { RangeLost } from './write-fence.ts';
import { faultOf, TargetLost } from './write-refusal.ts';

export interface RowRepairOptions {
  readonly sql: Pick<RepairSql, 'identityWidth' | 'shown' | 'select' | 'remove' | 'removals' | 'inserts'>;
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

/** Of some rows, by the server or because they can't be put into SQL. */
interface Refusal {
  readonly error: unknown;
}

/** How many reasons are told of the rows that could not be written. */
const REASONS_MAX = 3;
/** Rows that were refused together are tried in so many parts, and each part that is refused so again. */
const PARTS = 10;
/** Writes that take too long one after the other, each for all of its time, before the server is taken for too slow. */
const TIMEOUTS_MAX = 8;

export class RowRepair {
  readonly #options: RowRepairOptions;
  readonly #size: TransactionSize;
  /** Since the last write that was taken. */
  #timeouts = 0;

  constructor(options: RowRepairOptions) {
    this.#options = options;
    this.#size = new TransactionSize(options.rowsPerTransaction);
  }

  /**
   * Resolves to how many rows were found wrong. Rejects with RowsRefused where the target would not take some of them
   * (a unique key of another group's row, a value that does not fit), with TargetLost where it takes none at all, with
   * RangeLost where they are not this worker's to write any more, and with whatever ended the reading.
   */
  async repair(
    key: Value,
    differences: AsyncIterable<RowDifference> | Iterable<RowDifference>,
  ): Promise<RowCounts> {
    const refused: string[] = [];
    let rows = NO_ROWS;
    let some: Placed[] = [];
    for await (const difference of differences) {
      rows = addRows(rows, countOf(difference));
      some.push({ key, difference });
      if (some.length < this.#size.rows) continue;
      refused.push(...(await this.#write(some)));
      some = [];
    }
    if (some.length > 0) refused.push(...(await this.#write(some)));
    if (refused.length > 0) throw new RowsRefused(refusal(refused));
    return rows;
  }

  /**
   * As `repair`, of many groups of a table whose rows have an identity. What is extra in any of them goes first: it may
   * be missing in another, or stand in another's way.
   */
  async repairGroups(
    groups: readonly { readonly key: Value; readonly differences: readonly RowDifference[] }[],
  ): Promise<void> {
    const placed = groups.flatMap(({ key, differences }) =>
      differences.map((difference) => ({ key, difference })),
    );
    const extra = placed.filter(({ difference }) => difference.kind === 'extra');
    const sorted = [...extra, ...placed.filter(({ difference }) => difference.kind !== 'extra')];
    const refused: string[] = [];
    for (let from = 0; from < sorted.length; ) {
      const some = sorted.slice(from, from + this.#size.rows);
      refused.push(...(await this.#write(some)));
      from += some.length;
    }
    if (refused.length > 0) throw new RowsRefused(refusal(refused));
  }

  /** Answers why rows could not be written. */
  async #write(placed: readonly Placed[]): Promise<string[]> {
    return await this.#writeParts(placed, await this.#rowsOf(placed));
  }

  /** All of them at once, and where that is refused by ever smaller parts, down to those that are at fault. */
  async #writeParts(placed: readonly Placed[], rows: ReadonlyMap<string, Row>): Promise<string[]> {
    const [only, more] = placed;
    if (only === undefined) return [];
    const refusal = await this.#refusalOf(placed, rows);
    if (refusal === null) return [];
    if (more === undefined) {
      if (isDuplicate(refusal.error)) await this.#makeRoom(only);
      return [this.#reason(only, refusal.error)];
    }
    const refused: string[] = [];
    const part = Math.ceil(placed.length / PARTS);
    for (let from = 0; from < placed.length; from += part)
      refused.push(...(await this.#writeParts(placed.slice(from, from + part), rows)));
    return refused;
  }

  /** Writes them, and answers null; or why some of them can't be written where others may be. */
  async #refusalOf(placed: readonly Placed[], rows: ReadonlyMap<string, Row>): Promise<Refusal | null> {
    let statements: readonly WriteStatement[];
    try {
      statements = this.#statements(placed, rows);
    } catch (error) {
      return { error };
    }
    try {
      await this.#options.target.write(statements);
      this.#timeouts = 0;
      return null;
    } catch (error) {
      // No part of it may be written any more, however small.
      if (error instanceof RangeLost) throw error;
      if (!(await this.#isOfRows(error))) throw new TargetLost(error);
      return { error };
    }
  }

  /** Whether other rows may be taken. */
  async #isOfRows(error: unknown): Promise<boolean> {
    const fault = faultOf(error);
    if (fault === 'rows' || fault === 'server') return fault === 'rows';
    if (fault === 'time' && ++this.#timeouts >= TIMEOUTS_MAX) return false;
    // A server that is there ends a connection, or is kept waiting, for what it was sent.
    return await this.#options.target.write([]).then(
      () => true,
      () => false,
    );
  }

  /**
   * Another group's row stands in the way, and this one may stand in its way: that can then be repaired, and this one
   * by the next pass. Until then the row, which was wrong, is missing.
   */
  async #makeRoom(placed: Placed): Promise<void> {
    const statements = this.#statements([placed], new Map());
    if (statements.length > 0) await this.#options.target.write(statements);
  }

  /** As the source has them now; a row that has gone from it meanwhile is left out. */
  async #rowsOf(placed: readonly Placed[]): Promise<ReadonlyMap<string, Row>> {
    const { sql, source } = this.#options;
    const wanted = placed.filter(({ difference }) => difference.kind !== 'extra');
    const [first] = wanted;
    if (first === undefined) return new Map();
    const width = sql.identityWidth;
    const identities = wanted.map(({ difference }) => difference.identity);
    // Without an identity they are all of one group.
    const rows = await source.rows(sql.select(first.key, identities));
    this.#size.observe(rows.length, bytesOf(rows));
    return new Map(rows.map((row) => [this.#nameOf(row.slice(0, width)), row.slice(width)]));
  }

  /** What is to go first: where a unique key takes two rows for one, the wrong one must make room. */
  #statements(placed: readonly Placed[], rows: ReadonlyMap<string, Row>): WriteStatement[] {
    const { sql, orders } = this.#options;
    const statements: string[] = [];
    const inserted: Row[] = [];
    for (const { key, difference } of placed) {
      const { kind, identity, copies } = difference;
      const row = kind === 'extra' ? undefined : rows.get(this.#nameOf(identity));
      if (row !== undefined) for (let copy = 0; copy < copies; copy++) inserted.push(row);
      if (orders.length === 0 && kind === 'extra') statements.push(sql.remove(key, identity, copies));
    }
    if (orders.length > 0) statements.push(...sql.removals(placed));
    statements.push(...sql.inserts(inserted));
    return statements.map((text) => ({ sql: text, values: [] }));
  }

  #reason({ difference }: Placed, error: unknown): string {
    return `${this.#options.sql.shown(difference.identity)}: ${messageOf(error)}${refusalRemedy(error)}`;
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

function bytesOf(rows: readonly Row[]): number {
  let bytes = 0;
  for (const row of rows) for (const value of row) bytes += value?.length ?? 0;
  return bytes;
}

export async function countRows(
  differences: AsyncIterable<RowDifference> | Iterable<RowDifference>,
): Promise<RowCounts> {
  let rows = NO_ROWS;
  for await (const difference of differences) rows = addRows(rows, countOf(difference));
  return rows;
}

export function countAll(differences: readonly RowDifference[]): RowCounts {
  const counts = { missing: 0, extra: 0, different: 0 };
  for (const { kind, copies } of differences) counts[kind] += copies;
  return counts;
}

function countOf({ kind, copies }: RowDifference): RowCounts {
  return { ...NO_ROWS, [kind]: copies };
}

function refusal(reasons: readonly string[]): string {
  const told = [...new Set(reasons)].slice(0, REASONS_MAX).join('; ');
  return `${reasons.length} ${reasons.length === 1 ? 'row' : 'rows'} could not be written: ${told}`;
}
