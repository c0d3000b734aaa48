/** Gathers what a pass tells while it runs, for its report. */

import { shownKey } from './group-join.ts';
import type { GroupOutcome } from './group-outcome.ts';
import type { PassCounts } from './pass-counts.ts';
import { QueryTimes } from './query-times.ts';
import type { PassFailure, PassKind, PassReport } from './sync-report.ts';

const FAILURES_MAX = 20;

export class PassLog {
  readonly times = new QueryTimes();
  readonly #startedAtMs: number;
  readonly #now: () => number;
  readonly #failures: PassFailure[] = [];
  #failed = 0;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#startedAtMs = now();
  }

  failed(shard: string, table: string, reason: string): void {
    this.#failed += 1;
    if (this.#failures.length < FAILURES_MAX) this.#failures.push({ shard, table, reason });
  }

  /** How often something failed. */
  get failures(): number {
    return this.#failed;
  }

  settled(shard: string, table: string, { key, result, reason }: GroupOutcome): void {
    if (result === 'failed')
      this.failed(shard, table, `the group ${shownKey(key)}: ${reason ?? 'no reason'}`);
  }

  report(kind: PassKind, pass: number, counts: PassCounts, journal: PassReport['journal']): PassReport {
    return {
      kind,
      pass,
      counts,
      failures: this.#failures,
      failed: this.#failed,
      journal,
      seconds: (this.#now() - this.#startedAtMs) / 1000,
      checksums: this.times.summary(),
    };
  }
}
