/**
 * The incidents of a proxy, in groups. Their number is bounded: beyond it a group that matters least is given up
 * for a new one, and what it had counted goes to the `others` of its reason and shard, so that no count is lost.
 */
import type { IncidentReason } from '../base/incident-reasons.ts';
import type { IncidentEntry, IncidentIdentity } from './incident.ts';
import { IncidentGroup } from './incident-group.ts';

export interface StoreOptions {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly groupsMax?: number;
}

const GROUPS_MAX = 500;
/** A flood of new digests must neither cost a search each nor empty the store: the rest of them are `others`. */
const REPLACED_PER_SECOND = 20;

/** All of one reason and shard. */
interface Family {
  readonly reason: IncidentReason;
  readonly shard: string;
  total: number;
  others: IncidentGroup | null;
}

export class IncidentStore {
  readonly #options: StoreOptions;
  readonly #families = new Map<string, Family>();
  readonly #groups = new Map<string, IncidentGroup>();
  /** The groups that may be given up in this second. */
  #least: { readonly second: number; readonly names: string[] } = { second: 0, names: [] };

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** Groups but for the `others`. */
  get size(): number {
    return this.#groups.size;
  }

  /** Takes an entry in; the group that it came to. */
  add(entry: IncidentEntry): IncidentGroup {
    const family = this.#family(entry);
    family.total += entry.count;
    const group = this.#groupFor(entry) ?? othersOf(family);
    group.add(entry);
    return group;
  }

  /** Every group, the `others` included, in no order. */
  *groups(): Iterable<IncidentGroup> {
    yield* this.#groups.values();
    for (const { others } of this.#families.values()) if (others !== null) yield others;
  }

  /** How many there were since the start, by reason and shard, as far as there were any. */
  totals(): Iterable<{ readonly reason: IncidentReason; readonly shard: string; readonly total: number }> {
    return this.#families.values();
  }

  /** How many there were in the last `windowMs`, by reason and shard, as far as there ever were any. */
  within(
    windowMs: number,
    nowMs: number,
  ): readonly { readonly reason: IncidentReason; readonly shard: string; readonly count: number }[] {
    const counts = new Map(
      [...this.#families].map(([name, { reason, shard }]) => [name, { reason, shard, count: 0 }]),
    );
    for (const group of this.groups()) {
      const counted = counts.get(familyOf(group.identity));
      if (counted !== undefined) counted.count += group.within(windowMs, nowMs);
    }
    return [...counts.values()];
  }

  #groupFor(entry: IncidentEntry): IncidentGroup | null {
    if (entry.others) return null;
    const name = nameOf(entry);
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    if (!this.#makeRoom()) return null;
    const group = new IncidentGroup(entry);
    this.#groups.set(name, group);
    return group;
  }

  #makeRoom(): boolean {
    if (this.#groups.size < (this.#options.groupsMax ?? GROUPS_MAX)) return true;
    const nowMs = this.#options.clock();
    const second = Math.floor(nowMs / 1000);
    if (this.#least.second !== second) this.#least = { second, names: this.#leastGroups(nowMs) };
    const name = this.#least.names.pop();
    const group = name === undefined ? undefined : this.#groups.get(name);
    if (name === undefined || group === undefined) return false;
    this.#groups.delete(name);
    othersOf(this.#family(group.identity)).absorb(group);
    return true;
  }

  /** Those with the fewest in the last two hours, and of these those seen longest ago; the least one is last. */
  #leastGroups(nowMs: number): string[] {
    return [...this.#groups]
      .map(([name, group]) => ({ name, recent: group.minutes.sum(nowMs), lastMs: group.lastMs }))
      .sort((left, right) => right.recent - left.recent || right.lastMs - left.lastMs)
      .slice(-REPLACED_PER_SECOND)
      .map(({ name }) => name);
  }

  /** Reasons are a short list, and shards are as many as the configuration has. */
  #family(identity: IncidentIdentity): Family {
    const { reason, shard } = identity;
    const name = familyOf(identity);
    const known = this.#families.get(name);
    if (known !== undefined) return known;
    const family: Family = { reason, shard, total: 0, others: null };
    this.#families.set(name, family);
    return family;
  }
}

function familyOf({ reason, shard }: IncidentIdentity): string {
  return `${reason} ${shard}`;
}

function othersOf(family: Family): IncidentGroup {
  const { reason, shard } = family;
  family.others ??= new IncidentGroup({ reason, shard, digest: null, code: null, others: true });
  return family.others;
}

function nameOf({ reason, shard, digest, code }: IncidentIdentity): string {
  return `${reason} ${shard} ${digest?.id ?? ''} ${code ?? ''}`;
}
