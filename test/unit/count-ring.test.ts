import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CountRing } from '../../src/observe/count-ring.ts';

const SLOTS = 6;
const SLOT_MS = 10;

interface Event {
  readonly atMs: number;
  readonly amount: number;
}

/** Times that go forward, by jumps within the ring and beyond it. */
const events = fc
  .array(fc.tuple(fc.oneof(fc.nat(25), fc.nat(200)), fc.nat(5)), { maxLength: 40 })
  .map((steps) => {
    let atMs = 1000;
    return steps.map(([stepMs, amount]): Event => {
      atMs += stepMs;
      return { atMs, amount };
    });
  });

/** What a list of all events says of one slot. */
function counted(all: readonly Event[], slot: number): number {
  return all
    .filter(({ atMs }) => Math.floor(atMs / SLOT_MS) === slot)
    .reduce((sum, { amount }) => sum + amount, 0);
}

function expected(all: readonly Event[], nowMs: number, slots = SLOTS): number[] {
  const last = Math.floor(nowMs / SLOT_MS);
  return Array.from({ length: slots }, (_, index) => counted(all, last - slots + 1 + index));
}

function ringOf(all: readonly Event[]): CountRing {
  const ring = new CountRing(SLOTS, SLOT_MS);
  for (const { atMs, amount } of all) ring.add(atMs, amount);
  return ring;
}

describe('a ring of counts', () => {
  it('says of every slot what a list of all events says', () => {
    fc.assert(
      fc.property(events, fc.nat(100), fc.integer({ min: 1, max: SLOTS }), (all, laterMs, slots) => {
        const nowMs = (all.at(-1)?.atMs ?? 1000) + laterMs;
        const ring = ringOf(all);
        const wanted = expected(all, nowMs, slots);
        expect(ring.latest(nowMs, slots)).toEqual(wanted);
        expect(ring.sum(nowMs, slots)).toBe(wanted.reduce((sum, count) => sum + count, 0));
      }),
    );
  });

  it('joined with another, says what a list of the events of both says', () => {
    fc.assert(
      fc.property(events, events, (mine, theirs) => {
        const nowMs = Math.max(mine.at(-1)?.atMs ?? 0, theirs.at(-1)?.atMs ?? 0, 1000);
        const ring = ringOf(mine);
        ring.merge(ringOf(theirs));
        expect(ring.latest(nowMs)).toEqual(expected([...mine, ...theirs], nowMs));
      }),
    );
  });

  it('counts what comes late in its own slot', () => {
    const ring = ringOf([
      { atMs: 1050, amount: 1 },
      { atMs: 1030, amount: 2 },
    ]);
    expect(ring.latest(1050)).toEqual([0, 0, 0, 2, 0, 1]);
  });

  it('begins anew when the clock was set far back, and goes on counting', () => {
    const ring = ringOf([{ atMs: 1_000_000, amount: 7 }]);
    ring.add(1000, 1);
    ring.add(1010, 2);
    expect(ring.latest(1010)).toEqual([0, 0, 0, 0, 1, 2]);
  });

  it('holds what came under a clock that ran a little ahead', () => {
    const ring = ringOf([{ atMs: 1020, amount: 3 }]);
    expect(ring.sum(1000, 1)).toBe(3);
  });
});
