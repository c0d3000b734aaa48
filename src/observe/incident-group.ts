/** One group of incidents: how often, when, and the latest few of them. Constant memory. */
import { CountRing } from './count-ring.ts';
import { type IncidentEntry, type IncidentIdentity, type IncidentPayload, PAYLOADS_MAX } from './incident.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
/** Counted by the minute so far back. */
export const MINUTES_KEPT = 120;
/** Counted by the hour so far back. */
export const HOURS_KEPT = 48;

export class IncidentGroup {
  readonly identity: IncidentIdentity;
  readonly minutes = new CountRing(MINUTES_KEPT, MINUTE_MS);
  readonly hours = new CountRing(HOURS_KEPT, HOUR_MS);
  total = 0;
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = 0;
  /** The oldest first. */
  #payloads: readonly IncidentPayload[] = [];

  constructor({ reason, shard, digest, code, others }: IncidentIdentity) {
    this.identity = { reason, shard, digest, code, others };
  }

  add(entry: IncidentEntry): void {
    this.minutes.add(entry.lastMs, entry.count);
    this.hours.add(entry.lastMs, entry.count);
    this.#count(entry.count, entry.firstMs, entry.lastMs);
    this.#keep(entry.payloads);
  }

  /** Takes over what a group held that is given up. */
  absorb(group: IncidentGroup): void {
    this.minutes.merge(group.minutes);
    this.hours.merge(group.hours);
    this.#count(group.total, group.firstMs, group.lastMs);
    this.#keep(group.#payloads);
  }

  /** The latest first. */
  get latest(): IncidentPayload[] {
    return [...this.#payloads].reverse();
  }

  /** How many came in the last `windowMs`, counted by the minute as far as minutes go back, else by the hour. */
  within(windowMs: number, nowMs: number): number {
    if (windowMs <= MINUTES_KEPT * MINUTE_MS) return this.minutes.sum(nowMs, Math.ceil(windowMs / MINUTE_MS));
    return this.hours.sum(nowMs, Math.ceil(windowMs / HOUR_MS));
  }

  #count(count: number, firstMs: number, lastMs: number): void {
    this.total += count;
    this.firstMs = Math.min(this.firstMs, firstMs);
    this.lastMs = Math.max(this.lastMs, lastMs);
  }

  #keep(payloads: readonly IncidentPayload[]): void {
    if (payloads.length === 0) return;
    this.#payloads = [...this.#payloads, ...payloads]
      .sort((left, right) => left.atMs - right.atMs)
      .slice(-PAYLOADS_MAX);
  }
}
