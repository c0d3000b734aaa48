/**
 * Goes through the union of both sides' groups, batch by batch, and tells which are not the same. Each group that
 * stands still while the crawl passes is judged once, and rightly; one that is written meanwhile may be told either
 * way.
 */
import { BatchSize } from './batch-size.ts';
import type { ComparedBatch } from './compared-batch.ts';
import { type GroupsByKey, groupsByKey, joinGroups, shownKey } from './group-join.ts';
import type { GroupAnswer, GroupReader, RangeReader } from './group-reader.ts';
import type { GroupSum } from './group-sum.ts';
import { canonicalKey, compareValues, type KeyOrder, type SharedOrder } from './key-order.ts';
import type { KeyRange } from './key-range.ts';
import { crawlRanges, earlier } from './range-crawl.ts';
import { type Direction, onBoth, type Side, type Sides } from './side.ts';
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
    const limit = (side: Side) => Math.min(size.groups, 2 * found[side] + 1);
    const full = { old: limit('old') === size.groups, new: limit('new') === size.groups };
    const answers = await onBoth((side) => readers[side].sums(asked, limit(side)));
    for (const side of SIDES) expectOrdered(readers[side].name, order, asked, answers[side].groups);
    const end = earlier(order, answers.old.last, answers.new.last);
    const within = {
      old: groupsByKey(order, upTo(order, answers.old.groups, end)),
      new: groupsByKey(order, upTo(order, answers.new.groups, end)),
    };
    const seconds = { old: answers.old.seconds, new: answers.new.seconds };
    yield { range: { after, through: endOf(end, range) }, ...joinGroups(within), seconds };
    if (end === undefined) return;
    observe(
      size,
      answers,
      SIDES.some((side) => full[side] && answers[side].last !== undefined),
    );
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
    const led = await readers[source].sums({ after, through: range.through }, size.groups);
    expectProgress(readers[source].name, after, led.last);
    const ours = groupsByKey(order, led.groups);
    const answer = await readers[target].sumsOf(led.groups.map((group) => group.key));
    // Of other spellings, which the target takes for these, the target's own way will tell.
    const theirs = only(groupsByKey(order, answer.groups), ours);
    const seconds = bySide(direction, led.seconds, answer.seconds);
    const joined = joinGroups(bySide(direction, ours, theirs));
    yield { range: { after, through: endOf(led.last, range) }, ...joined, seconds };
    if (led.last === undefined) return;
    observe(size, bySide(direction, led, answer), true);
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
    const led = await readers[target].keys({ after, through: range.through }, size.groups);
    expectProgress(readers[target].name, after, led.last);
    const known = await readers[source].keysOf(led.keys);
    const theirs = new Set(known.keys.map((key) => canonicalKey(order, key)));
    const extra = led.keys.filter((key) => !theirs.has(canonicalKey(order, key)));
    const extras = new Set(extra.map((key) => canonicalKey(order, key)));
    const answer = await readers[target].sumsOf(extra);
    const groups = only(groupsByKey(order, answer.groups), extras);
    const seconds = bySide(direction, known.seconds, led.seconds + answer.seconds);
    const joined = joinGroups(bySide<GroupsByKey>(direction, new Map(), groups));
    yield { range: { after, through: endOf(led.last, range) }, ...joined, seconds };
    if (led.last === undefined) return;
    const slower = Math.max(led.seconds, known.seconds, answer.seconds);
    size.observe({ seconds: slower, full: true, ...sizesOf(answer.groups) });
    after = led.last;
  }
}

const SIDES: readonly Side[] = ['old', 'new'];

/** The slower side's query tells how many groups one may ask for. */
function observe(size: BatchSize, answers: Sides<GroupAnswer>, full: boolean): void {
  const slower = answers.old.seconds > answers.new.seconds ? answers.old : answers.new;
  size.observe({ seconds: slower.seconds, full, ...sizesOf(slower.groups) });
}

function sizesOf(groups: readonly GroupSum[]): { readonly rows: number; readonly largestRows: number } {
  let rows = 0;
  let largestRows = 0;
  for (const group of groups) {
    rows += group.rows;
    largestRows = Math.max(largestRows, group.rows);
  }
  return { rows, largestRows };
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
