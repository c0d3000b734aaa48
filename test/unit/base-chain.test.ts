/** The chain and the ring against plain arrays. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chain, type Chained } from '../../src/base/chain.ts';
import { Fifo } from '../../src/base/fifo.ts';

class Member implements Chained<Member> {
  before: Member | null = null;
  after: Member | null = null;
}

describe('a chain', () => {
  it('keeps its order, whoever leaves', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(50)), { maxLength: 100 }), (script) => {
        const chain = new Chain<Member>();
        const model: Member[] = [];
        for (const leaver of script) {
          if (leaver === null || model.length === 0) {
            const member = new Member();
            chain.add(member);
            model.push(member);
          } else {
            const [left] = model.splice(leaver % model.length, 1);
            chain.remove(left!);
            expect([left!.before, left!.after]).toEqual([null, null]);
          }
          expect(chain.first).toBe(model[0] ?? null);
          expect(chain.length).toBe(model.length);
        }
        expect([...chain].every((member, index) => member === model[index])).toBe(true);
        expect([...chain]).toHaveLength(model.length);
      }),
    );
  });

  it('lets an item leave while it is looked at', () => {
    const chain = new Chain<Member>();
    const members = Array.from({ length: 5 }, () => new Member());
    for (const member of members) chain.add(member);
    const seen: Member[] = [];
    for (const member of chain) {
      seen.push(member);
      chain.remove(member);
    }
    expect(seen.every((member, index) => member === members[index])).toBe(true);
    expect([seen.length, chain.length, chain.first]).toEqual([5, 0, null]);
  });
});

describe('a ring', () => {
  it('gives what it was given, in that order, however it grows and shrinks', () => {
    // Runs of pushes (positive) and of shifts: single steps would seldom make it grow.
    const script = fc.array(fc.integer({ min: -80, max: 80 }), { maxLength: 30 });
    fc.assert(
      fc.property(script, (runs) => {
        const ring = new Fifo<number>();
        const model: number[] = [];
        let next = 0;
        for (const run of runs) {
          for (let count = 0; count < Math.abs(run); count++) {
            if (run > 0) {
              ring.push(next);
              model.push(next++);
            } else {
              expect(ring.peek()).toBe(model[0] ?? null);
              expect(ring.shift()).toBe(model.shift() ?? null);
            }
          }
          expect(ring.length).toBe(model.length);
          expect(ring.toArray()).toEqual(model);
        }
      }),
    );
  });
});
