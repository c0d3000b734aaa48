/** What one shard counts. The proxy and the mirror call it per statement, so each call is a few additions. */
import type { Ratios } from '../config/ratios.ts';
import { CounterGrid, CounterSet } from './counters.ts';
import type { Durations } from './durations.ts';
import { DurationHistogram } from './histogram.ts';
import {
  BLIND_REASONS,
  type BlindReason,
  type ConnectionState,
  DDL_OUTCOMES,
  type DdlOutcome,
  INCOMPARABLE_REASONS,
  type IncomparableReason,
  MIRROR_OUTCOMES,
  MIRRORED_KINDS,
  MISMATCH_REASONS,
  type MirrorOutcome,
  type MismatchReason,
  REFUSAL_REASONS,
  STATEMENT_KINDS,
  STATEMENT_OUTCOMES,
  type StatementKind,
  type StatementOutcome,
} from './outcomes.ts';

/** Reasons named by other parts of the house; the bound only guards against one made of a statement's text. */
const REASONS_MAX = 32;

/** What is not counted but looked at, once a scrape. */
export interface ShardGauges {
  /** Percent, as the SRE set them. */
  ratios(): Ratios;
  queueStatements(): number;
  queueBytes(): number;
  /** Age of the oldest unit that the shadow has not finished; 0 where there is none. */
  lagSeconds(): number;
  connections(): Readonly<Record<ConnectionState, number>>;
  /** 1 while the breaker lets units through, else 0. */
  shadowUp(): number;
  /** Connections to the shadow that are logged in. */
  lanes(): number;
  journalKeys(): Iterable<JournalKeys>;
  journal(): JournalGauges;
}

export interface JournalGauges {
  /** On disk. */
  readonly bytes: number;
  readonly segments: number;
  /** Writes whose keys stand in it until it is known what became of them. */
  readonly pending: number;
  /** Keys put on record before their writes, since the start. */
  readonly writtenKeys: number;
  readonly reset: boolean;
  /** Why it can't be written; null where it can. */
  readonly failing: string | null;
}

export interface JournalKeys {
  readonly table: string;
  readonly reason: string;
  readonly count: number;
}

export class ShardMetrics {
  readonly name: string;
  /** Set by the proxy once the shard is served; null reads as zeros. */
  gauges: ShardGauges | null = null;

  readonly statements: CounterGrid<StatementKind, StatementOutcome>;
  readonly mirrored: CounterGrid<StatementKind, MirrorOutcome>;
  readonly mismatched: CounterGrid<StatementKind, MismatchReason>;
  readonly incomparables: CounterGrid<StatementKind, IncomparableReason>;
  readonly definitions: CounterSet<DdlOutcome>;
  readonly unsampled: CounterSet<StatementKind>;
  readonly comparisons: CounterSet<StatementKind>;
  readonly doubts: CounterSet;
  readonly blinded: CounterSet<BlindReason>;
  readonly refusals: CounterSet;
  readonly journalAppends: DurationHistogram;
  retries = 0;
  relayedToOld = 0;
  relayedToClient = 0;

  readonly #all: Durations;
  readonly #sideBySide: Durations;

  /** `all` and `sideBySide` are shared by the shards: see `Metrics`. */
  constructor(name: string, all: Durations, sideBySide: Durations) {
    const labels = { shard: name };
    this.name = name;
    this.statements = new CounterGrid(labels, STATEMENT_KINDS, 'outcome', STATEMENT_OUTCOMES);
    this.mirrored = new CounterGrid(labels, MIRRORED_KINDS, 'outcome', MIRROR_OUTCOMES);
    this.mismatched = new CounterGrid(labels, MIRRORED_KINDS, 'reason', MISMATCH_REASONS);
    this.incomparables = new CounterGrid(labels, MIRRORED_KINDS, 'reason', INCOMPARABLE_REASONS);
    this.definitions = new CounterSet(labels, 'outcome', DDL_OUTCOMES);
    this.unsampled = new CounterSet<StatementKind>(labels, 'kind', MIRRORED_KINDS, STATEMENT_KINDS.length);
    this.comparisons = new CounterSet<StatementKind>(labels, 'kind', MIRRORED_KINDS, STATEMENT_KINDS.length);
    this.doubts = new CounterSet(labels, 'reason', [], REASONS_MAX);
    this.blinded = new CounterSet(labels, 'reason', BLIND_REASONS);
    this.refusals = new CounterSet(labels, 'reason', REFUSAL_REASONS, REASONS_MAX);
    this.journalAppends = new DurationHistogram(labels);
    this.#all = all;
    this.#sideBySide = sideBySide;
  }

  /**
   * A statement that the primary answered, or lost, and the seconds from sending it to the end of the answer.
   * A lost one has no answer, hence no duration: its seconds are left out.
   */
  statement(kind: StatementKind, outcome: StatementOutcome, seconds: number): void {
    this.statements.add(kind, outcome);
    if (outcome !== 'lost') this.#all.old[kind].observe(seconds);
  }

  /** A selected statement has come to its end on the mirror: once each, under one outcome. */
  mirror(kind: StatementKind, outcome: MirrorOutcome): void {
    this.mirrored.add(kind, outcome);
  }

  /** The shadow chose a unit for the victim of a deadlock, or let it wait too long: it is run once more. */
  retried(): void {
    this.retries++;
  }

  /** A change of definitions on moved tables has come to its end: once each, under one outcome. */
  ddl(outcome: DdlOutcome): void {
    this.definitions.add(outcome);
  }

  /** The ratio left a statement out that could have been mirrored. */
  notSampled(kind: StatementKind): void {
    this.unsampled.add(kind);
  }

  /** A replayed statement with its seconds on both sides. */
  replay(kind: StatementKind, oldSeconds: number, newSeconds: number): void {
    this.#all.new[kind].observe(newSeconds);
    this.#sideBySide.old[kind].observe(oldSeconds);
    this.#sideBySide.new[kind].observe(newSeconds);
  }

  /** The shadow answered otherwise than the primary. */
  mismatch(kind: StatementKind, reason: MismatchReason): void {
    this.mismatched.add(kind, reason);
  }

  /** Both answers to a statement were compared, whatever came of it. */
  compared(kind: StatementKind): void {
    this.comparisons.add(kind);
  }

  /** Both answers were to be compared, and the kinds of the servers alone make them differ. */
  incomparable(kind: StatementKind, reason: IncomparableReason): void {
    this.incomparables.add(kind, reason);
  }

  /** The shadow may have a key wrong. `reason` is one of a short list, never a statement's own words. */
  doubt(reason: string): void {
    this.doubts.add(reason);
  }

  /** A session went on as a blind relay. */
  blind(reason: BlindReason): void {
    this.blinded.add(reason);
  }

  /** A client was sent away; `reason` is one of REFUSAL_REASONS. */
  refused(reason: string): void {
    this.refusals.add(reason);
  }

  relayed(direction: 'to_old' | 'to_client', bytes: number): void {
    if (direction === 'to_old') this.relayedToOld += bytes;
    else this.relayedToClient += bytes;
  }

  /** Selected statements by outcome, all kinds together, since the start. */
  outcomes(): Record<string, number> {
    return this.mirrored.totals();
  }

  /** Mismatches by reason, all kinds together, since the start. */
  mismatches(): Record<string, number> {
    return this.mismatched.totals();
  }
}
