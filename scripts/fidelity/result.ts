/** What one case came to, and whether that is faithful. */
import type { Coverage, JournalEntries } from '../../test/harness/journal-entries.ts';
import type { Comparison, TableRows } from '../../test/harness/row-differences.ts';
import type { FidelityCase } from './cases.ts';

export interface FidelityResult {
  readonly case: FidelityCase;
  readonly statements: number;
  readonly rows: number;
  readonly differing: number;
  readonly coverage: Coverage;
  /** Keys whose rows changed on the old server in the run. */
  readonly keysWritten: number;
  /** Keys in the journal under another reason than `written`. */
  readonly keysDoubted: number;
  /** Doubts of whole tables. */
  readonly wideDoubts: number;
  /** Entries by reason, those of reason `written` too. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly reset: boolean;
  readonly journalBytes: number;
  /** Selected statements, by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly drainSeconds: number;
}

export function makeResult(
  fidelityCase: FidelityCase,
  found: {
    readonly statements: number;
    readonly comparison: Comparison;
    readonly coverage: Coverage;
    readonly keysWritten: number;
    readonly journal: JournalEntries;
    readonly journalBytes: number;
    readonly outcomes: Readonly<Record<string, number>>;
    readonly drainSeconds: number;
  },
): FidelityResult {
  const { comparison, journal, ...rest } = found;
  const doubts = journal.entries.filter(({ reason }) => reason !== 'written');
  const keyed = doubts.filter(({ key }) => key !== null);
  return {
    case: fidelityCase,
    ...rest,
    rows: comparison.rows,
    differing: comparison.differing.length,
    keysDoubted: new Set(keyed.map(({ table, key }) => JSON.stringify([table, key]))).size,
    wideDoubts: doubts.length - keyed.length,
    reasons: countReasons(journal),
    reset: journal.reset,
  };
}

function countReasons({ entries }: JournalEntries): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of entries) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/** Keys of one table whose rows are not the same before and after. */
export function keysChanged(before: TableRows, after: TableRows): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const [primaryKey, { key, content }] of before) {
    if (after.get(primaryKey)?.content !== content) keys.add(key);
  }
  for (const [primaryKey, { key }] of after) if (!before.has(primaryKey)) keys.add(key);
  return keys;
}

/**
 * Where no two clients share a row, the tables roll back and every replay was answered, nothing but a replay out of
 * order is left to explain such doubts.
 */
function disorderOf({ case: { load, engine }, reasons, outcomes }: FidelityResult): number {
  if (load !== 'own_rows' || engine !== 'InnoDB') return 0;
  const lost = ['timed_out', 'lost', 'dropped_queue_full', 'dropped_shadow_down'] as const;
  if (lost.some((outcome) => (outcomes[outcome] ?? 0) > 0)) return 0;
  return (reasons.overlap ?? 0) + (reasons.affected_rows ?? 0) + (reasons.failed ?? 0);
}

/** What is wrong with a result; empty: nothing. */
export function faultsOf(result: FidelityResult): string[] {
  const { coverage, reset, outcomes, keysWritten } = result;
  const { uncovered, byWrittenKey, byWrittenTable } = coverage;
  const faults: string[] = [];
  const settledUnseen = byWrittenKey + byWrittenTable;
  if (uncovered.length > 0) {
    const sample = uncovered.slice(0, 5).map(({ table, key, found }) => `${table} ${key} ${found}`);
    faults.push(`${uncovered.length} rows differ without a doubt: ${sample.join('; ')}`);
  }
  if (settledUnseen > 0)
    faults.push(`${settledUnseen} rows differ whose keys are in the journal as written alone`);
  const disorder = disorderOf(result);
  if (disorder > 0)
    faults.push(
      `${disorder} keys are in doubt as overlap, affected_rows or failed, of clients that share no row`,
    );
  if (reset) faults.push('the journal was reset: it tells nothing');
  if (keysWritten === 0) faults.push('the load has written nothing');
  if ((outcomes.mirrored ?? 0) === 0) faults.push('nothing was mirrored');
  return faults;
}
