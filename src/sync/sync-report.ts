/** What a sync tells when a pass is over, and at its end. */
import { z } from 'zod';
import {
  addCounts,
  consistency,
  NO_COUNTS,
  openGroups,
  type PassCounts,
  passCountsSchema,
  wrongGroups,
} from './pass-counts.ts';
import type { QueryTimesSummary } from './query-times.ts';

export type PassKind = 'full' | 'journal' | 'keys';

/** A table that could not be gone through, or a group that could not be repaired. */
export interface PassFailure {
  readonly shard: string;
  readonly table: string;
  readonly reason: string;
}

export interface PassReport {
  readonly kind: PassKind;
  /** From 1. */
  readonly pass: number;
  readonly counts: PassCounts;
  /** The first of them; `failed` counts all. */
  readonly failures: readonly PassFailure[];
  readonly failed: number;
  /** Entries of the journals that were read, settled and left; null: it did not go by the journals. */
  readonly journal: { readonly entries: number; readonly settled: number; readonly kept: number } | null;
  /**
   * How often a range went on with one process that another one was lost with: what that one had repaired and not yet
   * written down is counted as the same.
   */
  readonly takenOver: number;
  readonly seconds: number;
  readonly checksums: QueryTimesSummary;
}

const journalCountsSchema = z.strictObject({ entries: z.number(), settled: z.number(), kept: z.number() });
const failureSchema = z.strictObject({ shard: z.string(), table: z.string(), reason: z.string() });

export const passReportSchema: z.ZodType<PassReport> = z.strictObject({
  kind: z.enum(['full', 'journal', 'keys']),
  pass: z.number(),
  counts: passCountsSchema,
  failures: z.array(failureSchema),
  failed: z.number(),
  journal: journalCountsSchema.nullable(),
  takenOver: z.number(),
  seconds: z.number(),
  checksums: z.strictObject({
    ...{ count: z.number(), p50: z.number(), p99: z.number(), p995: z.number(), max: z.number() },
  }),
});

/** Of all proxies together. */
export interface JournalLeft {
  readonly keys: number;
  /** Shards that owe a full pass. */
  readonly reset: readonly string[];
}

export const journalLeftSchema: z.ZodType<JournalLeft> = z.strictObject({
  keys: z.number(),
  reset: z.array(z.string()),
});

export interface SyncReport {
  readonly mode: string;
  readonly check: boolean;
  readonly passes: readonly PassReport[];
  /** Null: no proxy could be asked. */
  readonly journal: JournalLeft | null;
  /** `stopped`: by the operator, before it was known. */
  readonly verdict: 'clean' | 'differs' | 'stopped';
}

/** It found every group the same, and could look at them all. */
export function foundNothing({ counts, failed }: PassReport): boolean {
  return wrongGroups(counts) === 0 && failed === 0;
}

/** All that it found is repaired. */
export function leftNothing({ counts, failed }: PassReport): boolean {
  return openGroups(counts) === 0 && failed === 0;
}

export function passLines(report: PassReport): string[] {
  const { counts, seconds, checksums, journal, failures, failed, takenOver } = report;
  const { settled, rows } = counts;
  const lines = [
    `${NAMES[report.kind]} ${report.pass}: ${counts.groups} groups, ${wrongGroups(counts)} mismatched, consistency ${consistency(counts)}, ${duration(seconds)}`,
  ];
  if (wrongGroups(counts) > 0) {
    lines.push(
      `  groups: ${settled.repaired} repaired, ${settled.differs} left as they are, ${settled.moving} still being written, ${settled.failed} failed`,
      `  rows: ${rows.missing} missing, ${rows.extra} extra, ${rows.different} different`,
    );
  }
  if (journal !== null)
    lines.push(
      `  journal: ${journal.entries} entries read, ${journal.settled} settled, ${journal.kept} kept`,
    );
  if (takenOver > 0)
    lines.push(
      `  taken over from processes that were lost: ${counted(takenOver, 'range')}; what these had repaired last may count as the same`,
    );
  if (checksums.count > 0) {
    const { p50, p99, p995, max } = checksums;
    const times = [`p50 ${shown(p50)}`, `p99 ${shown(p99)}`, `p99.5 ${shown(p995)}`, `max ${shown(max)}`];
    lines.push(`  ${checksums.count} checksum queries: ${times.join(', ')}`);
  }
  for (const { shard, table, reason } of failures) lines.push(`  ${shard} ${table}: ${reason}`);
  if (failed > failures.length) lines.push(`  and ${failed - failures.length} more`);
  return lines;
}

export function endLines({ passes, journal, verdict, check }: SyncReport): string[] {
  const counts = passes.map((pass) => pass.counts).reduce(addCounts, NO_COUNTS);
  const journalText =
    journal === null
      ? 'no proxy could be asked for its journal'
      : journal.keys === 0 && journal.reset.length === 0
        ? 'the journal is empty'
        : [
            `the journal has ${counted(journal.keys, 'key')}`,
            ...(journal.reset.length === 0 ? [] : [`a full pass is owed for ${journal.reset.join(', ')}`]),
          ].join(', ');
  const verdicts = {
    clean: 'both sides are the same',
    differs: check ? 'the sides differ' : 'the sides may still differ',
    stopped: 'stopped before the end',
  };
  return [
    `${verdicts[verdict]}; repaired: ${counted(counts.settled.repaired, 'group')}, passes: ${passes.length}; ${journalText}`,
  ];
}

const NAMES: Readonly<Record<PassKind, string>> = {
  full: 'full pass',
  journal: 'journal pass',
  keys: 'pass over the keys',
};

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function shown(seconds: number): string {
  return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
