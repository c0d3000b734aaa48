/**
 * A pass's ranges in etcd, for all processes that share it. A claim is a key under its process's lease, made only where
 * there is none: it goes with the process, and whoever claims the range next goes on from the record, which only the
 * holder of the claim can have written.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type SharedStore, SharedStoreLost, type StoredKey } from '../control/shared-store.ts';
import type { JobMember } from './job-member.ts';
import type { QueryTimes } from './query-times.ts';
import { addOutcomes, NO_OUTCOME, type RangeOutcome, TAKEN_OVER } from './range-outcome.ts';
import type { LeasedRange, PassTotals, RangeQueue } from './range-queue.ts';
import { SharedLease } from './shared-lease.ts';
import {
  indexName,
  JOB_GONE,
  readSharedRange,
  type SharedRange,
  type StepKeys,
  writeSharedRange,
} from './shared-records.ts';
import type { SharedProgress } from './sync-listener.ts';

export interface SharedRangeQueueOptions {
  readonly store: SharedStore;
  readonly member: Pick<JobMember, 'id' | 'lease' | 'jobLease'>;
  readonly keys: StepKeys;
  /** Of this process's queries. */
  readonly times: QueryTimes;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** At least 0, less than 1. */
  readonly random: () => number;
  readonly stop: AbortSignal;
  readonly told: (shards: ReadonlyMap<string, SharedProgress>) => void;
}

interface Known {
  readonly range: SharedRange;
  readonly modified: number;
}

const POLL_MS = 300;
const TELL_MS = 1000;

export class SharedRangeQueue implements RangeQueue {
  readonly #options: SharedRangeQueueOptions;
  readonly #ranges = new Map<string, Known>();
  /** Names of ranges to who has them. */
  #claims: ReadonlyMap<string, StoredKey> = new Map();
  #revision = 0;
  #claimsMade = 0;
  /** Claims of which it is not known whether etcd took them, as the answer was lost. */
  readonly #asked = new Map<string, string>();
  #state: 'open' | 'over' = 'open';
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  #tail: Promise<unknown> = Promise.resolve();
  #fault: unknown = null;
  readonly #closing = new AbortController();

  constructor(options: SharedRangeQueueOptions) {
    this.#options = options;
  }

  /** Reads what there is, and follows it from now on until `close`. */
  async open(): Promise<void> {
    await this.refresh();
    void this.#follow();
  }

  close(): void {
    this.#closing.abort();
  }

  /** Every range is done. */
  get isDone(): boolean {
    return this.#state === 'over' || [...this.#ranges.values()].every(({ range }) => range.state === 'done');
  }

  async take(): Promise<LeasedRange | null> {
    const { stop } = this.#options;
    for (;;) {
      if (stop.aborted) return null;
      const taken = await this.#alone(() => this.#take());
      if (taken !== 'none yet') return taken;
      await delay(POLL_MS);
    }
  }

  totals(): Promise<PassTotals> {
    const ranges = [...this.#ranges.values()].map(({ range }) => range);
    return Promise.resolve({
      outcome: ranges.map(({ outcome }) => outcome).reduce(addOutcomes, NO_OUTCOME),
      ranges: ranges.length,
      rangesDone: ranges.filter(({ state }) => state === 'done').length,
    });
  }

  /** Reads what has changed. Rejects with SharedStoreLost. */
  async refresh(): Promise<void> {
    const { store, keys, now } = this.#options;
    const { revision, spans } = await store.read([
      { prefix: keys.ranges, after: this.#revision },
      { prefix: keys.claims },
      { prefix: keys.head },
    ]);
    const [ranges = [], claims = [], head = []] = spans;
    this.#refreshedAtMs = now();
    if (head.some(({ key }) => key === keys.report)) {
      this.#state = 'over';
      return;
    }
    if (!head.some(({ key }) => key === keys.plan)) throw new SharedStoreLost(JOB_GONE);
    for (const { key, value, modified } of ranges)
      this.#ranges.set(key.slice(keys.ranges.length), { range: readSharedRange(value), modified });
    this.#claims = new Map(claims.map((claim) => [claim.key.slice(keys.claims.length), claim]));
    this.#revision = revision;
  }

  async #take(): Promise<LeasedRange | null | 'none yet'> {
    const { now, random } = this.#options;
    if (this.#fault !== null) throw this.#fault;
    if (now() - this.#refreshedAtMs >= POLL_MS) await this.refresh();
    for (;;) {
      if (this.isDone) return null;
      const adopted = this.#adopt();
      if (adopted !== null) return adopted;
      const free = [...this.#ranges].filter(
        ([name, { range }]) => range.state !== 'done' && !this.#claims.has(name),
      );
      if (free.length === 0) return 'none yet';
      // By dice, so that several processes seldom want the same one.
      const [name, known] = free[Math.floor(random() * free.length)]!;
      const claimed = await this.#claim(name, known);
      if (claimed !== null) return claimed;
      await this.refresh();
    }
  }

  async #claim(name: string, { range: found, modified }: Known): Promise<LeasedRange | null> {
    const { store, member, keys } = this.#options;
    const range = found.state === 'taken' ? takenOver(found) : found;
    const token = `${member.id}/${++this.#claimsMade}`;
    const [claim, record] = [`${keys.claims}${name}`, `${keys.ranges}${name}`];
    this.#asked.set(name, token);
    const made = await store.commit(
      [
        { key: claim, created: 0 },
        { key: record, modified },
      ],
      [
        { put: claim, value: token, lease: member.lease },
        { put: record, value: writeSharedRange({ ...range, state: 'taken' }), lease: member.jobLease },
      ],
    );
    if (made === null) return null;
    this.#asked.delete(name);
    this.#claims = new Map(this.#claims).set(name, {
      key: claim,
      value: token,
      created: made,
      modified: made,
    });
    return this.#leaseOf(name, range, made);
  }

  /** A claim of this process of which the answer was lost. */
  #adopt(): LeasedRange | null {
    for (const [name, token] of this.#asked) {
      const claim = this.#claims.get(name);
      const known = this.#ranges.get(name);
      this.#asked.delete(name);
      // Whether a lost worker had it before can't be told any more.
      if (claim?.value === token && known !== undefined)
        return this.#leaseOf(name, { ...known.range, state: 'taken' }, claim.created);
    }
    return null;
  }

  #leaseOf(name: string, range: SharedRange, created: number): LeasedRange {
    const { store, member, keys, times, now } = this.#options;
    return new SharedLease({
      store,
      now,
      range,
      claim: { key: `${keys.claims}${name}`, created },
      record: `${keys.ranges}${name}`,
      timesKey: `${keys.times}${member.id}`,
      times,
      lease: member.jobLease,
      fenceName: fenceName(`${keys.ranges}${name}`),
      left: (state, outcome) => this.#left(name, state, outcome),
    });
  }

  /** Known here before etcd is read again. */
  #left(name: string, state: SharedRange['state'], outcome: RangeOutcome): void {
    const known = this.#ranges.get(name);
    const claims = new Map(this.#claims);
    claims.delete(name);
    this.#claims = claims;
    if (known !== undefined && state === 'done')
      this.#ranges.set(name, { ...known, range: { ...known.range, state, outcome } });
    // Whether the record is as it is known here is seen by the next look.
    this.#refreshedAtMs = Number.NEGATIVE_INFINITY;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted && this.#state === 'open') {
      try {
        await this.#alone(() => this.refresh());
      } catch (error) {
        this.#fault = error;
        return;
      }
      this.#options.told(this.#progress());
      await delay(TELL_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  #progress(): ReadonlyMap<string, SharedProgress> {
    const shards = new Map<string, SharedProgress>();
    for (const { range } of this.#ranges.values()) {
      const { shard } = range.work;
      const before = shards.get(shard) ?? { groups: 0, mismatched: 0, ranges: 0, rangesDone: 0 };
      const { groups, mismatched } = range.outcome.counts;
      shards.set(shard, {
        groups: before.groups + groups,
        mismatched: before.mismatched + mismatched,
        ranges: before.ranges + 1,
        rangesDone: before.rangesDone + (range.state === 'done' ? 1 : 0),
      });
    }
    return shards;
  }

  /** One at a time: two workers must not go for the same range. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => undefined);
    return done;
  }
}

function takenOver(range: SharedRange): SharedRange {
  return { ...range, outcome: addOutcomes(range.outcome, TAKEN_OVER) };
}

export function rangeKeys(keys: StepKeys, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${keys.ranges}${indexName(index)}`);
}

/** A lock's name may have 64 characters. */
function fenceName(record: string): string {
  return `understudy-${createHash('sha256').update(record).digest('hex').slice(0, 40)}`;
}
