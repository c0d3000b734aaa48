/**
 * Goes through the union of both sides' groups, batch by batch, and tells which are not the same. Each group that
 * stands still while the crawl passes is judged once, and rightly; one that is written meanwhile may be told either
 * way.
 */
import { observeSums, sizesOf } from './batch-observation.ts';
import { BatchSize } from './batch-size.ts';
import type { ComparedBatch } from './compared-batch.ts';
import { type GroupsByKey, groupsByKey, joinGroups, shownKey } from './group-join.ts';
import type { GroupReader, RangeReader } from './group-reader.ts';
import type { GroupSum } from './group-sum.ts';
import { canonicalKey, compareValues, type KeyOrder, type SharedOrder } from './key-order.ts';
import type { KeyRange } from './key-range.ts';
import { crawlRanges, earlier } from './range-crawl.ts';
import { type Direction, onBoth, SIDES, type Side, type Sides } from './side.ts';
import { inTime } from './time-out-retry.ts';
import type { Value } from './value.ts';

/**
 * A crawl's way through the keys. `both`: one way, in the order that both sides share. Where they share none a crawl
 * takes two ways: the source's, in its order, finds all that the source has; the target's, in its own, finds what
 * only the target has.
 */
export type CrawlWay = 'both' | Side;

export interface CrawledTable {
  readonly readers: Sides<GroupReader>;
  readonly direction: Direction;
  readonly order: KeyOrder;
}

/** All ways that must be gone for a whole pass over a table; a range of keys belongs to one way. */
export function crawlWays(order: KeyOrder, direction: Direction): readonly CrawlWay[] {
  return order === 'own' ? [direction.source, direction.target] : ['both'];
}

/** `range`: in the order of `way`. Each batch begins where the one before it ended. */
export function crawlGroups(
  table: CrawledTable,
  way: CrawlWay,
  range: KeyRange,
  size: BatchSize = new BatchSize(),
): AsyncGenerator<ComparedBatch> {
  if (way !== 'both')
    return way === table.direction.source
      ? followSource(table, range, size)
      : followTarget(table, range, size);
  if (table.order === 'own') throw new TypeError('these sides share no order of keys');
  const { readers, order } = table;
  const ranges = rangesOf(readers);
  if (ranges === null) return followBoth(readers, order, range, size);
  // What a group takes by itself says nothing of what it takes among others.
  return crawlRanges(ranges, order, range, size, (part) => followBoth(readers, order, part, new BatchSize()));
}

/** Null: on either side a group may have more than one row. */
function rangesOf({ old, new: fresh }: Sides<GroupReader>): Sides<RangeReader> | null {
  return old.ranges === null || fresh.ranges === null ? null : { old: old.ranges, new: fresh.ranges };
}

async function* followBoth(
  readers: Sides<GroupReader>,
  order: SharedOrder,
  range: KeyRange,
  size: BatchSize,
): AsyncGenerator<ComparedBatch> {
  let { after } = range;
  // A side with few groups would be asked for far more than the batch can take of them, again and again.
  let found: Sides<number> = { old: Infinity, new: Infinity };
  for (;;) {
    const asked = { after, through: range.through };
    const { answers, full } = await inTime(size, async (groups) => {
      const limit = (side: Side) => Math.min(groups, 2 * found[side] + 1);
      return {
        answers: await onBoth((side) => readers[side].sums(asked, limit(side))),
        full: { old: limit('old') === groups, new: limit('new') === groups },
      };
    });
    for (const side of SIDES) expectOrdered(readers[side].name, order, asked, answers[side].groups);
    const end = earlier(order, answers.old.last, answers.new.last);
    const within = {
      old: groupsByKey(order, upTo(order, answers.old.groups, end)),
      new: groupsByKey(order, upTo(order, answers.new.groups, end)),
    };
    const seconds = { old: answers.old.seconds, new: answers.new.seconds };
    const limited = SIDES.some((side) => full[side] && answers[side].last !== undefined);
    observeSums(size, answers, limited);
    yield { range: { after, through: endOf(end, range) }, ...joinGroups(within), seconds };
    if (end === undefined) return;
    found = { old: within.old.size, new: within.new.size };
    after = end;
  }
}

async function* followSource(
  { readers, direction, order }: CrawledTable,
  range: KeyRange,
  size: BatchSize,
): AsyncGenerator<ComparedBatch> {
  const { source, target } = direction;
  let { after } = range;
  for (;;) {
    const asked = { after, through: range.through };
    const { led, answer } = await inTime(size, async (groups) => {
      const first = await readers[source].sums(asked, groups);
      return { led: first, answer: await readers[target].sumsOf(first.groups.map(({ key }) => key)) };
    });
    expectProgress(readers[source].name, after, led.last);
    const ours = groupsByKey(order, led.groups);
    // Of other spellings, which the target takes for these, the target's own way will tell.
    const theirs = only(groupsByKey(order, answer.groups), ours);
    const seconds = bySide(direction, led.seconds, answer.seconds);
    const joined = joinGroups(bySide(direction, ours, theirs));
    observeSums(size, bySide(direction, led, answer), led.last !== undefined);
    yield { range: { after, through: endOf(led.last, range) }, ...joined, seconds };
    if (led.last === undefined) return;
    after = led.last;
  }
}

async function* followTarget(
  { readers, direction, order }: CrawledTable,
  range: KeyRange,
  size: BatchSize,
): AsyncGenerator<ComparedBatch> {
  const { source, target } = direction;
  let { after } = range;
  for (;;) {
    const asked = { after, through: range.through };
    const { led, known, extras, answer } = await inTime(size, async (limit) => {
      const first = await readers[target].keys(asked, limit);
      const found = await readers[source].keysOf(first.keys);
      const ours = new Set(found.keys.map((key) => canonicalKey(order, key)));
      const extra = first.keys.filter((key) => !ours.has(canonicalKey(order, key)));
      return {
        led: first,
        known: found,
        extras: new Set(extra.map((key) => canonicalKey(order, key))),
        answer: await readers[target].sumsOf(extra),
      };
    });
    expectProgress(readers[target].name, after, led.last);
    const groups = only(groupsByKey(order, answer.groups), extras);
    const seconds = bySide(direction, known.seconds, led.seconds + answer.seconds);
    const joined = joinGroups(bySide<GroupsByKey>(direction, new Map(), groups));
    const slower = Math.max(led.seconds, known.seconds, answer.seconds);
    size.observe({ seconds: slower, full: led.last !== undefined, ...sizesOf(answer.groups) });
    yield { range: { after, through: endOf(led.last, range) }, ...joined, seconds };
    if (led.last === undefined) return;
    after = led.last;
  }
}

function bySide<T>({ source }: Direction, ofSource: T, ofTarget: T): Sides<T> {
  return source === 'old' ? { old: ofSource, new: ofTarget } : { old: ofTarget, new: ofSource };
}

function only(groups: GroupsByKey, wanted: { has(key: string): boolean }): GroupsByKey {
  return new Map([...groups].filter(([key]) => wanted.has(key)));
}

/** NULL is an end as any other key. */
function endOf(last: Value | undefined, range: KeyRange): Value | undefined {
  return last === undefined ? range.through : last;
}

function upTo(order: SharedOrder, groups: readonly GroupSum[], end: Value | undefined): readonly GroupSum[] {
  if (end === undefined) return groups;
  return groups.filter((group) => compareValues(order, group.key, end) <= 0);
}

/** A side that orders keys in another way than we think would make the crawl miss some, or never end. */
function expectOrdered(name: string, order: SharedOrder, asked: KeyRange, groups: readonly GroupSum[]): void {
  let before = asked.after;
  for (const { key } of groups) {
    if (before !== undefined && compareValues(order, before, key) >= 0)
      throw new Error(`${name} gave the key ${shownKey(key)} behind ${shownKey(before)}`);
    before = key;
  }
}

/** In a server's own order nobody else can say what comes first, but a crawl that stands still must end. */
function expectProgress(name: string, after: Value | undefined, last: Value | undefined): void {
  if (after === undefined || last === undefined) return;
  if (canonicalKey('own', after) === canonicalKey('own', last))
    throw new Error(`${name} gave the key ${shownKey(last)} behind itself`);
}
