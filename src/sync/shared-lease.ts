/** One range of a shared pass, while this process has it. What is done of it is written down now and then. */
import type { Condition, SharedStore } from '../control/shared-store.ts';
import type { QueryTimes } from './query-times.ts';
import { addOutcomes, type RangeOutcome } from './range-outcome.ts';
import type { LeasedRange, SyncRange } from './range-queue.ts';
import { type SharedRange, writeSharedRange } from './shared-records.ts';
import type { Value } from './value.ts';
import type { WriteFence } from './write-fence.ts';

export interface SharedLeaseOptions {
  readonly store: SharedStore;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** As it was when it was claimed. */
  readonly range: SharedRange;
  readonly claim: { readonly key: string; readonly created: number };
  readonly record: string;
  readonly timesKey: string;
  readonly times: QueryTimes;
  /** Of the job. */
  readonly lease: string;
  readonly fenceName: string;
  /** This process has it no more. */
  readonly left: (state: SharedRange['state'], outcome: RangeOutcome) => void;
}

/** What was only looked at is done again when the process is lost; etcd is to keep few versions of a key. */
const LOOKED_MS = 5000;
/** What was repaired is to be counted, though it be found the same the next time. */
const FOUND_MS = 1000;

export class SharedLease implements LeasedRange {
  readonly work: SyncRange;
  readonly orphaned: boolean;
  readonly fence: WriteFence;
  readonly #options: SharedLeaseOptions;
  #rest: SyncRange;
  #outcome: RangeOutcome;
  #state: 'held' | 'lost' | 'left' = 'held';
  #writtenAtMs: number;
  /** Something was found since. */
  #unwritten: 'found' | 'looked' = 'looked';

  constructor(options: SharedLeaseOptions) {
    const { range, fenceName, now } = options;
    this.#options = options;
    this.work = range.work;
    this.orphaned = range.state === 'taken';
    this.fence = { name: fenceName, holds: () => this.#holds() };
    this.#rest = range.work;
    this.#outcome = range.outcome;
    this.#writtenAtMs = now();
  }

  async progressed(through: Value | undefined, outcome: RangeOutcome): Promise<boolean> {
    const { now } = this.#options;
    this.#outcome = addOutcomes(this.#outcome, outcome);
    this.#rest = { ...this.work, range: { after: through, through: this.work.range.through } };
    if (outcome.counts.mismatched > 0 || outcome.failed > 0) this.#unwritten = 'found';
    const everyMs = this.#unwritten === 'found' ? FOUND_MS : LOOKED_MS;
    if (this.#state === 'held' && now() - this.#writtenAtMs >= everyMs) await this.#write('taken');
    return this.#state === 'held';
  }

  async done(outcome: RangeOutcome): Promise<void> {
    this.#outcome = addOutcomes(this.#outcome, outcome);
    await this.#leave('done');
  }

  giveBack(): Promise<void> {
    return this.#leave('free');
  }

  async #leave(state: 'done' | 'free'): Promise<void> {
    if (this.#state === 'held') await this.#write(state);
    const isKept = this.#state === 'held';
    this.#state = 'left';
    this.#options.left(isKept ? state : 'taken', this.#outcome);
  }

  async #write(state: SharedRange['state']): Promise<void> {
    const { store, claim, record, timesKey, times, lease, now } = this.#options;
    const value = writeSharedRange({ work: this.#rest, state, outcome: this.#outcome });
    const changes = [
      { put: record, value, lease },
      { put: timesKey, value: JSON.stringify(times.written()), lease },
      ...(state === 'taken' ? [] : [{ remove: claim.key }]),
    ];
    const conditions: readonly Condition[] = [claim];
    this.#writtenAtMs = now();
    this.#unwritten = 'looked';
    if ((await store.commit(conditions, changes)) === null) this.#state = 'lost';
  }

  async #holds(): Promise<boolean> {
    const { store, claim } = this.#options;
    if (this.#state !== 'held') return false;
    const { spans } = await store.read([{ prefix: claim.key }]);
    const found = spans[0]?.find(({ key }) => key === claim.key);
    if (found?.created !== claim.created) this.#state = 'lost';
    return this.#state === 'held';
  }
}
