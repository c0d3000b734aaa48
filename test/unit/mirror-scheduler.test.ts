/** The queue against a model that knows nothing but the order in which units were offered. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Scheduler, type SchedulerLimits } from '../../src/mirror/scheduler.ts';
import type { Unit, WriteSet } from '../../src/mirror/unit.ts';
import type { Scheduled } from '../../src/mirror/write-order.ts';
import { replayOf } from '../harness/mirror-kit.ts';

const REPLAY = replayOf('DELETE FROM messages WHERE folderid = 1');

/** `TABLE/KEY` claims a key; `TABLE` alone, or `*`, is a barrier. */
function writeSet(claims: readonly string[]): WriteSet {
  const barriers = new Set(claims.filter((claim) => !claim.includes('/')));
  const keys = new Set(claims.filter((claim) => claim.includes('/') && !barriers.has(tableOf(claim))));
  return { keys: [...keys], tables: [...new Set([...keys].map(tableOf))], barriers: [...barriers] };
}

function tableOf(claim: string): string {
  return claim.split('/')[0]!;
}

/** What the words of a write set say, one by one. */
function meet(a: WriteSet, b: WriteSet): boolean {
  const all = (set: WriteSet) => set.barriers.includes('*');
  const claimsAny = (set: WriteSet) => set.barriers.length + set.keys.length > 0;
  if ((all(a) && claimsAny(b)) || (all(b) && claimsAny(a))) return true;
  if (a.keys.some((key) => b.keys.includes(key))) return true;
  const touches = (set: WriteSet, table: string) =>
    set.barriers.includes(table) || set.tables.includes(table);
  return a.barriers.some((table) => touches(b, table)) || b.barriers.some((table) => touches(a, table));
}

function unit(claims: readonly string[], statements = 1, bytes = 10, answeredAtMs = 0): Unit {
  return {
    replays: Array.from({ length: statements }, () => REPLAY),
    transaction: statements > 1,
    bytes,
    writes: writeSet(claims),
    definition: null,
    answeredAtMs,
  };
}

const ROOMY: SchedulerLimits = { statements: 1000, bytes: 100_000 };

interface Entry {
  readonly unit: Unit;
  /** What it was taken as; null: never yet. */
  taken: Scheduled | null;
  at: 'queue' | 'running' | 'paused' | 'resumed';
}

/** What the scheduler should hold, in the order of the offers. */
class Model {
  readonly limits: SchedulerLimits;
  unfinished: Entry[] = [];

  constructor(limits: SchedulerLimits) {
    this.limits = limits;
  }

  get statements(): number {
    return this.unfinished.reduce((sum, { unit }) => sum + unit.replays.length, 0);
  }

  get bytes(): number {
    return this.unfinished.reduce((sum, { unit }) => sum + unit.bytes, 0);
  }

  admits(offered: Unit): boolean {
    if (this.unfinished.length === 0) return true;
    return (
      this.statements + offered.replays.length <= this.limits.statements &&
      this.bytes + offered.bytes <= this.limits.bytes
    );
  }

  /** Units that may start: none before them claims what they claim. */
  ready(): Unit[] {
    return this.unfinished
      .filter(
        ({ unit, at }, index) =>
          (at === 'queue' || at === 'resumed') &&
          !this.unfinished.slice(0, index).some((before) => meet(before.unit.writes, unit.writes)),
      )
      .map(({ unit }) => unit);
  }
}

type Command =
  | { readonly do: 'offer'; readonly claims: string[]; readonly statements: number; readonly bytes: number }
  | { readonly do: 'take' }
  | { readonly do: 'finish'; readonly which: number }
  | { readonly do: 'pause'; readonly which: number }
  | { readonly do: 'resume'; readonly which: number }
  | { readonly do: 'clear' };

const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('offer' as const),
      claims: fc.array(fc.constantFrom('t/1', 't/2', 't/3', 'u/1', 'u/2', 't', 'u', '*'), { maxLength: 3 }),
      statements: fc.integer({ min: 1, max: 4 }),
      bytes: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'take' as const }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pause' as const), which: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('resume' as const), which: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'clear' as const }) },
);

function play(limits: SchedulerLimits, script: readonly Command[]): void {
  const scheduler = new Scheduler(limits);
  const model = new Model(limits);
  let clock = 0;
  for (const command of script) {
    if (command.do === 'offer')
      offer(scheduler, model, unit(command.claims, command.statements, command.bytes, clock++));
    else if (command.do === 'take') take(scheduler, model);
    else if (command.do === 'finish') finish(scheduler, model, command.which);
    else if (command.do === 'pause') pause(scheduler, model, command.which);
    else if (command.do === 'resume') resume(scheduler, model, command.which);
    else clear(scheduler, model);
    expect(scheduler.statements).toBe(model.statements);
    expect(scheduler.bytes).toBe(model.bytes);
    expect(scheduler.oldestAnsweredAtMs()).toBe(model.unfinished[0]?.unit.answeredAtMs ?? null);
    if (model.unfinished.length > 1) {
      expect(scheduler.statements).toBeLessThanOrEqual(limits.statements);
      expect(scheduler.bytes).toBeLessThanOrEqual(limits.bytes);
    }
  }
  drain(scheduler, model);
}

function offer(scheduler: Scheduler, model: Model, offered: Unit): void {
  const admitted = model.admits(offered);
  expect(scheduler.offer(offered)).toBe(admitted);
  if (admitted) model.unfinished.push({ unit: offered, taken: null, at: 'queue' });
}

function take(scheduler: Scheduler, model: Model): void {
  const ready = model.ready();
  const shown = scheduler.peek();
  const taken = scheduler.take();
  expect(taken).toBe(shown);
  if (taken === null) {
    expect(ready).toEqual([]);
    return;
  }
  expect(ready).toContain(taken.unit);
  const entry = model.unfinished.find(({ unit }) => unit === taken.unit)!;
  // Others may wait for what is run once more.
  if (model.unfinished.some(({ at }) => at === 'resumed')) expect(entry.at).toBe('resumed');
  entry.taken = taken;
  entry.at = 'running';
}

function pause(scheduler: Scheduler, model: Model, which: number): void {
  const entry = pick(model, 'running', which);
  if (entry?.taken == null) return;
  scheduler.pause(entry.taken);
  entry.at = 'paused';
}

function resume(scheduler: Scheduler, model: Model, which: number): void {
  const entry = pick(model, 'paused', which);
  if (entry?.taken == null) return;
  scheduler.resume(entry.taken);
  entry.at = 'resumed';
}

function pick(model: Model, at: Entry['at'], which: number): Entry | undefined {
  const entries = model.unfinished.filter((entry) => entry.at === at);
  return entries[which % Math.max(1, entries.length)];
}

function finish(scheduler: Scheduler, model: Model, which: number): void {
  const entry = pick(model, 'running', which);
  if (entry?.taken == null) return;
  scheduler.finish(entry.taken);
  scheduler.finish(entry.taken);
  model.unfinished = model.unfinished.filter((other) => other !== entry);
}

function clear(scheduler: Scheduler, model: Model): void {
  const waiting = model.unfinished.filter(({ at }) => at !== 'running');
  expect(scheduler.clear('waiting')).toEqual(waiting.map(({ unit }) => unit));
  // Its pause ends behind the clearing: nobody may run it then.
  for (const { at, taken } of waiting) if (at === 'paused' && taken !== null) scheduler.resume(taken);
  model.unfinished = model.unfinished.filter(({ at }) => at === 'running');
}

/** Nothing may be left behind: what is held comes out to the last unit. */
function drain(scheduler: Scheduler, model: Model): void {
  while (model.unfinished.length > 0) {
    while (pick(model, 'paused', 0) !== undefined) resume(scheduler, model, 0);
    while (model.ready().length > 0) take(scheduler, model);
    expect(scheduler.take()).toBeNull();
    finish(scheduler, model, 0);
  }
  expect([scheduler.statements, scheduler.bytes, scheduler.oldestAnsweredAtMs()]).toEqual([0, 0, null]);
}

describe('the scheduler', () => {
  it('starts a unit only behind all earlier ones whose write sets meet its own, and takes each once', () => {
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 80 }), (script) =>
        play({ statements: 12, bytes: 200 }, script),
      ),
      { numRuns: 500 },
    );
  });

  it('keeps its promise where the queue is long', () => {
    fc.assert(
      fc.property(fc.array(commands, { minLength: 100, maxLength: 150 }), (script) => play(ROOMY, script)),
      { numRuns: 8 },
    );
  });

  it('gives ready units in the order in which they became so', () => {
    const scheduler = new Scheduler({ statements: 10_000, bytes: 100_000 });
    for (let count = 0; count < 3000; count++) scheduler.offer(unit([`t/${count}`], 1, 1, count));
    scheduler.offer(unit(['t/0'], 1, 1, 3000));
    scheduler.finish(scheduler.take()!);
    const order = Array.from({ length: 3000 }, () => scheduler.take()!.unit.answeredAtMs);
    expect(order).toEqual(Array.from({ length: 3000 }, (_, index) => index + 1));
    expect(scheduler.take()).toBeNull();
  });

  it('lets one unit larger than the whole queue through when it is empty, and none beside it', () => {
    const scheduler = new Scheduler({ statements: 2, bytes: 100 });
    expect(scheduler.offer(unit(['t/1'], 5, 500))).toBe(true);
    expect(scheduler.offer(unit(['t/2'], 1, 1))).toBe(false);
    scheduler.finish(scheduler.take()!);
    expect(scheduler.offer(unit(['t/2'], 1, 1))).toBe(true);
    expect(scheduler.offer(unit(['t/1'], 5, 500))).toBe(false);
  });

  it('makes later units wait for what still runs when the queue is cleared', () => {
    const scheduler = new Scheduler(ROOMY);
    scheduler.offer(unit(['t/1']));
    const running = scheduler.take()!;
    const waiting = unit(['t/1']);
    scheduler.offer(waiting);
    expect(scheduler.clear('waiting')).toEqual([waiting]);
    scheduler.offer(unit(['t/1']));
    expect(scheduler.take()).toBeNull();
    scheduler.finish(running);
    expect(scheduler.take()).not.toBeNull();
  });

  it('shows what is held back once it is released, behind what is ready', () => {
    const scheduler = new Scheduler({ statements: 3, bytes: 100 });
    const [read, write] = [unit([]), unit(['t/1'])];
    scheduler.offer(read, 'held');
    scheduler.offer(write);
    expect([scheduler.held, scheduler.statements, scheduler.bytes]).toEqual([1, 2, 20]);
    expect(scheduler.take()?.unit).toBe(write);
    expect(scheduler.take()).toBeNull();
    scheduler.release();
    expect(scheduler.held).toBe(0);
    expect(scheduler.take()?.unit).toBe(read);
  });

  it('clears away what is held back too, and bounds it with the rest', () => {
    const scheduler = new Scheduler({ statements: 2, bytes: 100 });
    const reads = [unit([]), unit([])];
    for (const read of reads) expect(scheduler.offer(read, 'held')).toBe(true);
    expect(scheduler.offer(unit([]), 'held')).toBe(false);
    expect(scheduler.clear('waiting')).toEqual(reads);
    scheduler.release();
    expect([scheduler.take(), scheduler.held, scheduler.statements]).toEqual([null, 0, 0]);
  });

  it('counts the attempts of what was taken', () => {
    const scheduler = new Scheduler(ROOMY);
    scheduler.offer(unit(['t/1']));
    expect(scheduler.peek()!.attempts).toBe(0);
    expect(scheduler.take()!.attempts).toBe(1);
  });
});
